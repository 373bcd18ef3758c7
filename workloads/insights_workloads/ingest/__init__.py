"""From a roster, wherever it is, to validated people in shards."""

from insights_workloads.ingest.errors import IngestError
from insights_workloads.ingest.reading import ingest
from insights_workloads.ingest.roster import SHARD_ROWS, Rejections, Roster, Shard, shard_matrix
from insights_workloads.ingest.validation import Fault

__all__ = [
    "SHARD_ROWS",
    "Fault",
    "IngestError",
    "Rejections",
    "Roster",
    "Shard",
    "ingest",
    "shard_matrix",
]
