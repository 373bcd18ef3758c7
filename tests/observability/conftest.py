"""The same real API server and real cluster as the tests of their own tiers."""

from tests.apiserver.conftest import apiserver, kubectl
from tests.cluster.conftest import cluster

__all__ = ["apiserver", "cluster", "kubectl"]
