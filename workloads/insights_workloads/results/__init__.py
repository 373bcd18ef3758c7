"""Publishing results once, and reading them again."""
