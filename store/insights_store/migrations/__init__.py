"""Migrations of the results database: expand only, so that old and new drivers share a schema."""
