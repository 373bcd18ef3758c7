"""Joining the Ray cluster that is there, or starting one inside this process."""

from __future__ import annotations

import logging
import os

import ray

__all__ = ["cluster_cpus", "ensure_ray"]


def ensure_ray() -> None:
    """Make sure that Ray runs: the cluster that the environment names, or one of our own.

    An own one ends with the process, listens on this machine only, and reports nothing to anybody.
    """
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if "RAY_ADDRESS" in os.environ or "RAY_JOB_ID" in os.environ:
        ray.init(address="auto", logging_level=logging.WARNING)
        return
    ray.init(
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
        object_store_memory=256 * 1024 * 1024,
    )


def cluster_cpus() -> int:
    """CPUs of the whole cluster."""
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("CPU", 1))
