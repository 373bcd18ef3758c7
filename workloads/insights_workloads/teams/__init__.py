"""Balanced teams under constraints."""
