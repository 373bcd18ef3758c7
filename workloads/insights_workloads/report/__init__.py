"""The report: one file that explains a result to people."""
