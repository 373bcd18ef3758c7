"""Inner loops: arrays in, arrays out, no objects. Compiled on their first call."""
