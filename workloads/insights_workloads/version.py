"""The version of the engine, as it is recorded with every result."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["ENGINE_VERSION"]

ENGINE_VERSION = version("observer-coordinator-insights")
