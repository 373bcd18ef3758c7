"""Text of any column, and which of it nothing that we publish to can hold.

Postgres takes no NUL, and an index of it no long key; JSON and Postgres take UTF-8 alone, where
Parquet files of some writers hold other bytes in columns of strings. What is read passes here, so
that it is told by its row before anything was computed.
"""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["is_plain", "lossy", "usable_text"]


def is_plain(kind: pa.DataType) -> bool:
    """Whether values of a type are single ones that can be written as text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_nested(kind):
        return False
    try:
        usable_text(pa.array([], kind))
    except (pa.ArrowException, ValueError, TypeError):
        return False
    return True


def usable_text(raw: pa.Array) -> tuple[pa.StringArray, np.ndarray]:
    """Values as text, null where there is none or it cannot be used; bool (n,), where it cannot."""
    raw = _flat(raw)
    kind = raw.type
    if not (_is_bytes(kind) or _is_string(kind)):
        return pc.cast(raw, pa.string()), np.zeros(len(raw), dtype=bool)
    try:
        text = pc.cast(pc.cast(raw, pa.large_binary()), pa.string())
        bad = np.zeros(len(raw), dtype=bool)
    except pa.ArrowInvalid:
        decoded = [None if value is None else _decoded(value) for value in _bytes(raw)]
        text = pa.array(decoded, pa.string())
        bad = np.asarray(pc.is_null(text)) & ~np.asarray(pc.is_null(raw))
    nul = np.asarray(pc.fill_null(pc.match_substring(text, "\0"), False))
    if nul.any():
        text = pc.if_else(pa.array(nul), pa.scalar(None, pa.string()), text)
    return text, bad | nul


def lossy(raw: pa.Array) -> list[str | None]:
    """Values as text that can be stored, with U+FFFD for what cannot."""
    raw = _flat(raw)
    if _is_bytes(raw.type) or _is_string(raw.type):
        values = [None if v is None else v.decode("utf-8", "replace") for v in _bytes(raw)]
    else:
        values = pc.cast(raw, pa.string()).to_pylist()
    return [None if value is None else value.replace("\0", "\ufffd") for value in values]


def _flat(raw: pa.Array) -> pa.Array:
    """Without dictionaries and extension types."""
    if pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    if isinstance(raw.type, pa.UuidType):
        plain = [None if v is None else str(uuid.UUID(bytes=v)) for v in raw.storage.to_pylist()]
        return pa.array(plain, pa.string())
    return raw.storage if isinstance(raw, pa.ExtensionArray) else raw


def _bytes(raw: pa.Array) -> list[bytes | None]:
    return list(pc.cast(raw, pa.large_binary()).to_pylist())


def _decoded(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _is_string(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
