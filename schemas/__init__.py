"""What a round reads and writes: the recipe, one file a table, the expectation suites, the manifest."""
