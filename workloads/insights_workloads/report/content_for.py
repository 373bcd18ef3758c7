"""What a reader is told: the one place where a result becomes what is for somebody."""

from __future__ import annotations

from typing import Literal, overload

from insights_workloads.disclosure.reader import Protected, ReaderContent, reader_content
from insights_workloads.provenance import Provenance
from insights_workloads.report.content import OwnerContent, owner_content
from insights_workloads.results.layout import Reader
from insights_workloads.results.result import RunResult

__all__ = ["content_for"]


@overload
def content_for(
    reader: Literal[Reader.OWNER],
    result: RunResult,
    protected: Protected,
    provenance: Provenance,
    prefix: str,
) -> OwnerContent: ...


@overload
def content_for(
    reader: Literal[Reader.READER],
    result: RunResult,
    protected: Protected,
    provenance: Provenance,
    prefix: str,
) -> ReaderContent: ...


def content_for(
    reader: Reader,
    result: RunResult,
    protected: Protected,
    provenance: Provenance,
    prefix: str,
) -> OwnerContent | ReaderContent:
    """What a reader is told of a result, as a value that holds nothing else.

    Args:
        reader: who reads.
        result: the result.
        protected: what may be told of its people to those who do not own them.
        provenance: where it comes from.
        prefix: folder of its files.
    """
    if reader is Reader.OWNER:
        return owner_content(result, provenance)
    return reader_content(result, protected, provenance, prefix)
