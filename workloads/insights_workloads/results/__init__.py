"""Publishing results once, and reading them again.

Import from the modules: reading a result needs nothing of what made it, and is quick to start.
"""
