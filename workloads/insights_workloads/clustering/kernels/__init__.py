"""Inner loops: arrays in, arrays out, no objects. Compiled on their first call.

What was compiled is kept on disk by the date of the calling function's own file: whoever changes a
function that another module of this package calls removes `__pycache__` here, or runs the old one.
"""
