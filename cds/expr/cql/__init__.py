"""Clinical Quality Language 1.5: text to syntax tree to ELM.

The grammar is https://cql.hl7.org/grammar.html (cql.g4 over fhirpath.g4).
"""
