"""CQL for people and for callers over HTTP: behind `cds cql`, `$cql` and `Library/$evaluate`."""
