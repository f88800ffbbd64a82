"""Build order for parts that need each other."""
