"""The operator: watches runs, decides what should exist, and makes it so."""
