"""The only way to a reader who is not the owner: what may be told, and of whom.

`few` hides what is about fewer than five people, `noise` makes of people what may be told of them,
`figures` makes figures of that, `rules` says which rules are confidential, `reader` puts all
together into one value that holds nothing else, and `summary` is what stands in a status.
"""

from insights_workloads.disclosure.few import FEWEST, shown_cells, shown_groups

__all__ = ["FEWEST", "shown_cells", "shown_groups"]
