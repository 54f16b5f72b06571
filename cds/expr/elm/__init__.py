"""CQL at run time: ELM compiled to closures over the values and operators that FHIRPath uses."""
