"""The FHIR operations on definitions: `$apply`, `$data-requirements`, and what is read of the content itself."""
