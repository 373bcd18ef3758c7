"""What is to be computed, in one digest.

Two runs with the same key ask for the same computation. Only `source`, `clustering` and `teams` say
what is computed; a value that equals its default counts as left out, so that it does not matter who
filled it in. Defaults of v1 never change, and the engine's version is recorded elsewhere: an
upgrade makes no key new.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from insights_crds.v1 import AnalysisRun, AnalysisRunSpec

__all__ = ["COMPUTED", "RERUN_ANNOTATION", "canonical_spec", "execution_key", "rerun_token"]

RERUN_ANNOTATION = "insights.observer.io/rerun"

COMPUTED = ("source", "clustering", "teams")
"""Parts of a spec that say what is computed."""


def execution_key(spec: AnalysisRunSpec) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of what is to be computed."""
    return hashlib.sha256(canonical_spec(spec).encode()).hexdigest()


def canonical_spec(spec: AnalysisRunSpec) -> str:
    """Canonical JSON of what is to be computed: sorted keys, no spaces, no defaults."""
    parts = {
        name: part.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for name in COMPUTED
        if (part := getattr(spec, name)) is not None
    }
    # clustering is as good as left out where all of it is default.
    parts = {name: part for name, part in parts.items() if part or name == "teams"}
    return json.dumps(_plain(parts), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def rerun_token(run: AnalysisRun) -> str | None:
    """The rerun token of a run: from `spec.rerun` or the rerun annotation, the newer of both.

    Tokens that are times (RFC 3339, as `kubectl rollout restart` writes them) compare by
    themselves. Where one is not a time, the annotation counts: a person or an Argo CD action set it
    by hand, beside a spec that is kept in git.
    """
    annotated = run.metadata.annotations.get(RERUN_ANNOTATION) or None
    written = run.spec.rerun
    if annotated is None or written is None:
        return annotated or written
    if _is_time(annotated) and _is_time(written):
        return max(annotated, written)
    return annotated


def _plain(value: Any) -> Any:
    # 1 and 1.0 are the same number in JSON and in YAML; let them be the same text.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def _is_time(token: str) -> bool:
    return (
        len(token) >= 20 and token[4] == token[7] == "-" and token[10] in "Tt" and token[-1] in "Zz"
    )
