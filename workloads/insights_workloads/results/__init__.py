"""Publishing results once, and reading them again."""

from insights_workloads.results.local import LocalHome
from insights_workloads.results.publish import publish_result, remove_strays
from insights_workloads.results.result import RunResult, summarize
from insights_workloads.results.stores import ResultsStore, open_objects, store_from_environment

__all__ = [
    "LocalHome",
    "ResultsStore",
    "RunResult",
    "open_objects",
    "publish_result",
    "remove_strays",
    "store_from_environment",
    "summarize",
]
