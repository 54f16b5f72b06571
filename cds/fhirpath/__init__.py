"""One FHIRPath expression on one resource, for people: behind `cds fhirpath` and the operation `$fhirpath`."""
