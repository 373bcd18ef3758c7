"""The same real API server as the tests of its own tier."""

from tests.apiserver.conftest import apiserver, kubectl

__all__ = ["apiserver", "kubectl"]
