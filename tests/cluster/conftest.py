"""A real cluster with the product installed; skipped, with the reason, where none can run."""

from __future__ import annotations

import pytest

from tests.cluster.node import missing
from tests.cluster.product import Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> Cluster:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    from tests.cluster.product import cluster

    with cluster(tmp_path_factory.mktemp("stores")) as running:
        yield running
