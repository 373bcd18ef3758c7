"""The results database: its tables and migrations, and the fencing that makes a result appear once.

Operator and driver meet here and nowhere else.
"""
