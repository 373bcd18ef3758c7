"""A roster that cannot be used: one message that names the file, the field and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from insights_crds.reasons import FailureClass, Reason

__all__ = ["IngestError", "no_such_column"]


class IngestError(Exception):
    """The roster cannot be used.

    The message never holds a value of a person: it may reach a log and the status of a run.

    Attributes:
        reason: one word for machines.
        failure: whether trying again could help.
    """

    def __init__(
        self, reason: Reason, message: str, failure: FailureClass = FailureClass.USER
    ) -> None:
        """Say what is wrong with the roster and what to do about it."""
        super().__init__(message)
        self.reason = reason
        self.failure = failure


def no_such_column(origin: str, missing: str, field: str, present: Iterable[str]) -> IngestError:
    """A column that the spec names and the roster lacks, with the nearest that it has."""
    known = list(present)
    lower = {name.lower().strip(): name for name in known}
    near = difflib.get_close_matches(missing.lower(), lower, n=1, cutoff=0.6)
    shown = ", ".join(f"`{name}`" for name in known[:12]) + (" …" if len(known) > 12 else "")
    hint = (
        f"did you mean `{lower[near[0]]}`? Set {field} to it"
        if near
        else f"set {field} to one of them"
    )
    return IngestError(
        Reason.NO_SUCH_COLUMN, f"{origin} has no column `{missing}`; it has {shown}; {hint}"
    )
