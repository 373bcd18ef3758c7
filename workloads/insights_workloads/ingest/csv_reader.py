"""CSV as people have it: any common delimiter and encoding, gzip or not, read as a stream."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from insights_crds.reasons import Reason
from insights_crds.v1 import CsvDialect
from insights_workloads.ingest.batches import Batch
from insights_workloads.ingest.columns import Wanted
from insights_workloads.ingest.errors import IngestError, missing_columns
from insights_workloads.ingest.location import Found

__all__ = ["read_csv"]

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE = 256 * 1024
_BLOCK = 4 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class _Layout:
    delimiter: str
    encoding: str
    header: tuple[str, ...]


def read_csv(found: Found, dialect: CsvDialect, wanted: Sequence[Wanted]) -> Iterator[Batch]:
    """Read a CSV file in batches of raw strings.

    Args:
        found: the file.
        dialect: what is known of how it is written; the rest is detected.
        wanted: the columns to read.

    Raises:
        IngestError: it is not a CSV file with these columns.
    """
    with found.open() as raw:
        counted = _Counted(raw)
        text = _decompressed(counted, found.name)
        sample = _sample(text, found.name)
        layout = _layout(sample, dialect, wanted, found.name)
        names = sorted({column.column for column in wanted})
        yield from _batches(
            _Rewound(sample, text, found.name), layout, names, found, lambda: counted.position
        )


def _batches(
    stream: io.RawIOBase,
    layout: _Layout,
    names: list[str],
    found: Found,
    position: Callable[[], int],
) -> Iterator[Batch]:
    broken: list[int] = []

    def note(row: pacsv.InvalidRow) -> str:
        # Arrow counts the header as a row too.
        broken.append(row.number - 1 if row.number is not None else 0)
        return "skip"

    try:
        reader = pacsv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=pacsv.ReadOptions(
                use_threads=False, block_size=_BLOCK, encoding=layout.encoding
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=layout.delimiter,
                newlines_in_values=True,
                invalid_row_handler=note,
                ignore_empty_lines=True,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(layout.header, pa.string()),
                include_columns=names,
                strings_can_be_null=False,
                check_utf8=True,
            ),
        )
        next_row, seen_broken = 1, 0
        for batch in reader:
            rows, next_row = _number(len(batch), next_row, broken)
            fraction = min(1.0, position() / max(1, found.size))
            yield Batch(
                {name: batch.column(name) for name in names},
                rows,
                tuple(broken[seen_broken:]),
                fraction,
            )
            seen_broken = len(broken)
        if broken[seen_broken:]:
            empty = {name: pa.array([], pa.string()) for name in names}
            yield Batch(empty, np.empty(0, np.int64), tuple(broken[seen_broken:]), 1.0)
    except (pa.ArrowInvalid, UnicodeError) as error:
        raise _unreadable(found.name, layout, error) from None


def _number(count: int, first: int, broken: Sequence[int]) -> tuple[np.ndarray, int]:
    """Number the rows of a batch, leaving out the numbers of broken rows among them."""
    rows = np.arange(first, first + count, dtype=np.int64)
    at = bisect_left(broken, first)
    for number in broken[at:]:
        rows[rows >= number] += 1
    return rows, int(rows[-1]) + 1 if count else first


def _layout(sample: bytes, dialect: CsvDialect, wanted: Sequence[Wanted], name: str) -> _Layout:
    encoding = dialect.encoding or _encoding(sample, name)
    try:
        b"".decode(encoding)
        text = codecs.getincrementaldecoder(encoding)().decode(sample)
    except (LookupError, TypeError, ValueError) as error:
        if isinstance(error, UnicodeError):
            raise _not_text(name, encoding) from None
        raise IngestError(
            Reason.SOURCE_UNREADABLE,
            f"spec.source.csv.encoding: Python knows no encoding `{encoding}`; try `utf-8`",
        ) from None
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise IngestError(
            Reason.NO_PEOPLE, f"{name} is empty; a header line and one line a person were wanted"
        )
    if text.lstrip()[0] in "{[":
        raise IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{name} is JSON, not CSV; save it as CSV, with a line of column names, or as Parquet",
        )
    columns = {column.column for column in wanted}
    candidates = (dialect.delimiter,) if dialect.delimiter else _DELIMITERS
    headers = {delimiter: _header(text, delimiter) for delimiter in candidates}
    delimiter = max(
        candidates, key=lambda d: (len(columns & set(headers[d])), min(len(headers[d]), 500))
    )
    header = headers[delimiter]
    _check_header(header, wanted, name, delimiter)
    # Arrow takes a byte order mark off by itself, but only where it decodes UTF-8 itself.
    return _Layout(delimiter, "utf8" if encoding in ("utf-8", "utf-8-sig") else encoding, header)


def _check_header(
    header: tuple[str, ...], wanted: Sequence[Wanted], name: str, delimiter: str
) -> None:
    missing = [column for column in wanted if column.column not in header]
    if missing and len(header) == 1:
        shown = {"\t": "tab"}.get(delimiter, delimiter)
        raise IngestError(
            Reason.NO_SUCH_COLUMN,
            f"{name} has a single column when split at `{shown}`; set spec.source.csv.delimiter, "
            "and check that its first line holds the column names",
        )
    if missing:
        raise missing_columns(name, wanted, header)
    for column in wanted:
        if header.count(column.column) > 1:
            raise IngestError(
                Reason.SOURCE_UNREADABLE,
                f"{name} has the column `{column.column}` twice; rename one of them",
            )


def _header(text: str, delimiter: str) -> tuple[str, ...]:
    csv.field_size_limit(max(csv.field_size_limit(), 2 * _SAMPLE))
    try:
        return tuple(next(csv.reader(io.StringIO(text), delimiter=delimiter), []))
    except csv.Error:
        return ()


def _encoding(sample: bytes, name: str) -> str:
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    zeros = sample.count(0)
    if zeros:
        if zeros > len(sample) // 3:
            return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
        raise _binary(name)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        control = sum(byte < 9 or 13 < byte < 32 for byte in sample[:4096])
        if control > len(sample[:4096]) // 50:
            raise _binary(name) from None
        return "cp1252"
    return "utf-8"


def _not_text(name: str, encoding: str) -> IngestError:
    return IngestError(
        Reason.SOURCE_UNREADABLE,
        f"{name} is not text in {encoding}; correct spec.source.csv.encoding, or leave it out to "
        "have it detected",
    )


def _binary(name: str) -> IngestError:
    return IngestError(
        Reason.SOURCE_UNREADABLE,
        f"{name} is a binary file, not CSV; if it is Parquet set spec.source.format to Parquet, if "
        "it is a spreadsheet save it as CSV",
    )


def _unreadable(name: str, layout: _Layout, error: Exception) -> IngestError:
    said = str(error)
    if "UTF8" in said or isinstance(error, UnicodeError):
        return IngestError(
            Reason.SOURCE_UNREADABLE,
            f"{name} is not text in {layout.encoding} throughout; set spec.source.csv.encoding "
            "(cp1252 and latin-1 are common)",
        )
    if "Empty CSV" in said:
        return IngestError(Reason.NO_PEOPLE, f"{name} is empty; save it with one line a person")
    # Arrow's own words may quote a row, and rows are people.
    return IngestError(
        Reason.SOURCE_UNREADABLE,
        f"{name} cannot be read as CSV: a row is longer than 4 MB or a quote is never closed; "
        "check its quotes and spec.source.csv.delimiter",
    )


def _decompressed(raw: io.RawIOBase, name: str) -> BinaryIO:
    start = raw.read(2)
    joined = _Rewound(start or b"", cast(BinaryIO, raw), name)
    if start == _GZIP:
        return cast(BinaryIO, gzip.GzipFile(fileobj=joined))
    return cast(BinaryIO, joined)


def _sample(stream: BinaryIO, name: str) -> bytes:
    parts, size = [], 0
    try:
        while size < _SAMPLE and (part := stream.read(_SAMPLE - size)):
            parts.append(part)
            size += len(part)
    except (OSError, EOFError, zlib.error):
        raise _bad_gzip(name) from None
    return b"".join(parts)


def _bad_gzip(name: str) -> IngestError:
    return IngestError(
        Reason.SOURCE_UNREADABLE,
        f"{name} is a damaged or cut gzip file; make or copy it again",
    )


class _Counted(io.RawIOBase):
    """Counts the bytes that are read: how far a stream is, compressed or not."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw
        self.position = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = bytes(self._raw.read(size))
        self.position += len(data)
        return data


class _Rewound(io.RawIOBase):
    """A stream whose start was read already."""

    def __init__(self, start: bytes, rest: BinaryIO, name: str) -> None:
        super().__init__()
        self._start = start
        self._rest = rest
        self._name = name

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._start:
            if size is None or size < 0:
                data, self._start = self._start + self._rest.read(), b""
                return data
            data, self._start = self._start[:size], self._start[size:]
            return data
        try:
            return bytes(self._rest.read(size))
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise _bad_gzip(self._name) from None
