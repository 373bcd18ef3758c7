"""The only place where names, labels and annotations of children are made.

Names are deterministic: the same run, key and attempt give the same name in every replica and after
every restart, so that creating a child twice meets itself (AlreadyExists) and never makes two.
"""

from __future__ import annotations

import hashlib
import re

from insights_crds.v1 import GROUP

__all__ = [
    "ABANDON_ANNOTATION",
    "ATTEMPT_LABEL",
    "CHILD_SELECTOR",
    "FINALIZER",
    "MANAGED_BY_LABEL",
    "MANAGER",
    "RERUN_ANNOTATION",
    "ROLE_LABEL",
    "RUN_LABEL",
    "RUN_UID_LABEL",
    "SCHEDULED_FOR_ANNOTATION",
    "SCHEDULE_LABEL",
    "child_labels",
    "child_name",
    "cut_name",
    "label_value",
    "scheduled_run_name",
    "store_secret_name",
]

MANAGER = "insights-operator"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
RUN_LABEL = f"{GROUP}/run"
RUN_UID_LABEL = f"{GROUP}/run-uid"
ATTEMPT_LABEL = f"{GROUP}/attempt"
ROLE_LABEL = f"{GROUP}/role"
SCHEDULE_LABEL = f"{GROUP}/schedule"
SCHEDULED_FOR_ANNOTATION = f"{GROUP}/scheduled-for"
RERUN_ANNOTATION = f"{GROUP}/rerun"
ABANDON_ANNOTATION = f"{GROUP}/abandon-results"
FINALIZER = f"{GROUP}/erase-results"
CHILD_SELECTOR = f"{MANAGED_BY_LABEL}={MANAGER}"

_LONGEST_CHILD_NAME = 47
"""KubeRay refuses longer RayJob names: it appends to them and must stay within 63."""
_LONGEST_LABEL = 63
_LONGEST_NAME = 253


def child_name(run: str, uid: str, key: str, attempt: int) -> str:
    """Name of the child that carries out one attempt.

    Args:
        run: name of the run, up to 253 characters.
        uid: its uid; a run that is made anew gets other names.
        key: execution key.
        attempt: number of the attempt, from 1.

    Returns:
        A DNS-1035 label of at most 47 characters: the start of the run's name, eight hexadecimal
        digits of uid and key, and the attempt.

    Raises:
        ValueError: the attempt has too many digits.
    """
    digest = _digest(f"{uid}/{key}")
    name = f"{_dns1035(run)[:30].rstrip('-')}-{digest}-{attempt}"
    if len(name) > _LONGEST_CHILD_NAME:
        raise ValueError(f"attempt {attempt} makes a child's name longer than 47 characters")
    return name


def child_labels(run: str, uid: str, attempt: int, role: str | None = None) -> dict[str, str]:
    """Labels by which an attempt's child and its pods are found.

    Labels and annotations of the run are never copied: Argo CD would take the children for its own
    and prune them.
    """
    labels = {
        MANAGED_BY_LABEL: MANAGER,
        RUN_LABEL: label_value(run),
        RUN_UID_LABEL: uid,
        ATTEMPT_LABEL: str(attempt),
    }
    if role is not None:
        labels[ROLE_LABEL] = role
    return labels


def label_value(name: str) -> str:
    """The start of a name, as far as a label holds it: for people, never for decisions."""
    return name[:_LONGEST_LABEL].rstrip("-._")


def scheduled_run_name(schedule: str, unix_minute: int) -> str:
    """Name of the run that a schedule makes for a minute, counted from the epoch.

    Where the schedule's name must be cut, a digest of all of it keeps the runs of two apart.
    """
    suffix = f"-{unix_minute}"
    if len(schedule) + len(suffix) > _LONGEST_NAME:
        suffix = f"-{_digest(schedule)}{suffix}"
    return cut_name(schedule, _LONGEST_NAME - len(suffix)) + suffix


def cut_name(name: str, longest: int) -> str:
    """The start of a name of an object, such that more may be put behind it."""
    return name if len(name) <= longest else name[:longest].rstrip("-.")


def store_secret_name(store: str) -> str:
    """Name of the Secret, in a run's namespace, that holds a store's credentials."""
    return f"insights-store-{store}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _dns1035(text: str) -> str:
    label = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    return label if label[:1].isalpha() else f"run-{label}".rstrip("-")
