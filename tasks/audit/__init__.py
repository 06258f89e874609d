"""Reading a lineage: the statistics behind its figures."""
