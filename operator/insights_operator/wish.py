"""What a run asks for: a result that exists already, or a computation.

The execution key says what is to be computed; the rerun token, beside it, says that it is to be
computed once more. A revert in git goes back to an earlier key and finds its results again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from insights_crds.v1 import AnalysisRunSpec
from insights_operator.record import Attempt, Publication, Record

__all__ = ["Wish", "settings_digest", "wish"]


@dataclass(frozen=True)
class Wish:
    """What a run asks for.

    Attributes:
        key: execution key.
        token: rerun token to honour, None where none is asked for.
        settings: digest of compute, policy and results.
        published: the result to show, None where it must be computed first.
        tries: attempts at exactly this, with these settings, newest last.
    """

    key: str
    token: str | None
    settings: str
    published: Publication | None
    tries: tuple[Attempt, ...]


def wish(
    key: str, token: str | None, settings: str, record: Record, *, uid: str | None = None
) -> Wish:
    """Work out what a run asks for.

    Args:
        key: execution key of the spec.
        token: rerun token of the run, None if it has none.
        settings: see `settings_digest`.
        record: what Postgres knows of the run.
        uid: uid of the run; attempts for a former run of the same name do not use up its retries.

    Returns:
        The wish. A token that was honoured under another key asks for nothing: the newest result
        of this key is shown, or computed if there is none.
    """
    if token is not None and _spent_elsewhere(key, token, record):
        token = None
    if token is None:
        published = record.newest_publication(key)
    else:
        published = next(
            (p for p in reversed(record.publications) if p.key == key and p.token == token), None
        )
    tries = tuple(
        attempt
        for attempt in record.attempts
        if attempt.key == key
        and attempt.token == token
        and attempt.settings == settings
        and (uid is None or attempt.uid == uid)
    )
    return Wish(key, token, settings, published, tries)


def settings_digest(spec: AnalysisRunSpec) -> str:
    """Digest of the parts of a spec that a failed execution may be mended by.

    Compute, policy and results are not in the execution key: they do not change what is computed.
    """
    parts = {
        name: getattr(spec, name).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name in ("compute", "policy", "results")
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _spent_elsewhere(key: str, token: str, record: Record) -> bool:
    here = any(a.key == key and a.token == token for a in record.attempts) or any(
        p.key == key and p.token == token for p in record.publications
    )
    return not here and (
        any(a.token == token for a in record.attempts)
        or any(p.token == token for p in record.publications)
    )
