"""From a roster, wherever it is, to validated people in shards."""
