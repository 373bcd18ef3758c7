"""A real cluster on a bare machine, for tests."""
