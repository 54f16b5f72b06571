"""The caller's FHIR server, asked for what the call did not bring (cds-hooks.md P; security.md section 2)."""
