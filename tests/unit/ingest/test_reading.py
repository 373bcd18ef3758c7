"""Good rosters are read whole, bad rows are set aside, bad files give one clear message."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights_crds.reasons import FailureClass, Reason
from insights_crds.v1 import Source
from insights_workloads.ingest import SHARD_ROWS, Fault, IngestError, ingest

HEADER = "id,red,yellow,green,blue"
ROWS = [f"p{i},{i % 101},50,{100 - i % 101},50.5" for i in range(40)]
GOOD = "\n".join([HEADER, *ROWS]) + "\n"


def read(tmp_path, data, name="people.csv", **parts):
    """Write a file and ingest it."""
    path = tmp_path / name
    if isinstance(data, pa.Table):
        pq.write_table(data, path)
    elif data is not None:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    source = Source.model_validate({"uri": name, **parts})
    return ingest(source, base=tmp_path, spool=tmp_path / "spool")


def table(**columns) -> pa.Table:
    base = {"id": ["a", "b"], "red": [1, 2], "yellow": [1, 2], "green": [1, 2], "blue": [1, 2]}
    return pa.table({k: v for k, v in {**base, **columns}.items() if v is not None})


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", "|"),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.encode("utf-16"),
        GOOD.encode("utf-16-le"),
        gzip.compress(GOOD.encode()),
        gzip.compress(GOOD.encode("utf-16")),
        GOOD.replace("id,", '"id",').replace("p3,", '" p3 ",'),
        GOOD + "\n\n",
        GOOD.rstrip("\n"),
    ],
)
def test_the_same_people_in_any_dress_have_one_fingerprint(tmp_path, data) -> None:
    roster = read(tmp_path, data)
    plain = read(tmp_path, GOOD, "plain.csv")
    assert roster.rows == len(ROWS)
    assert roster.fingerprint == plain.fingerprint
    assert roster.matrix(["red", "blue"])[2].tolist() == [2.0, 50.5]


def test_parquet_and_csv_of_the_same_people_agree(tmp_path) -> None:
    rows = list(csv.DictReader(io.StringIO(GOOD)))
    typed = pa.table(
        {"id": [r["id"] for r in rows]}
        | {e: [float(r[e]) for r in rows] for e in ("red", "yellow", "green", "blue")}
    )
    assert read(tmp_path, typed, "p.parquet").fingerprint == read(tmp_path, GOOD).fingerprint


def test_a_folder_of_parquet_is_one_roster(tmp_path) -> None:
    for part in range(3):
        folder = tmp_path / "people"
        folder.mkdir(exist_ok=True)
        pq.write_table(table(id=[f"{part}a", f"{part}b"]), folder / f"{part}.parquet")
    roster = read(tmp_path, None, "people")
    assert roster.column("id").to_pylist() == ["0a", "0b", "1a", "1b", "2a", "2b"]
    assert roster.column("id").num_chunks == 1


def test_latin_names_are_read(tmp_path) -> None:
    text = "id,name,red,yellow,green,blue\nå,Çelik,1,2,3,4\n"
    roster = read(tmp_path, text.encode("cp1252"), columns={"name": "name"})
    assert roster.column("name").to_pylist() == ["Çelik"]


def test_decimal_commas(tmp_path) -> None:
    text = "id;red;yellow;green;blue\na;1,5;2;3;4\n"
    roster = read(tmp_path, text, csv={"decimal": ","})
    assert roster.matrix(["red"]).tolist() == [[1.5]]


def test_quoted_newlines_and_delimiters(tmp_path) -> None:
    text = 'id,name,red,yellow,green,blue\n"a,1","two\nlines",1,2,3,4\n'
    roster = read(tmp_path, text, columns={"name": "name"})
    assert roster.column("id").to_pylist() == ["a,1"]
    assert roster.column("name").to_pylist() == ["two\nlines"]


BAD_ROWS = [
    (",1,2,3,4", "id", Fault.EMPTY_ID),
    ("  ,1,2,3,4", "id", Fault.EMPTY_ID),
    ("p0,1,2,3,4", "id", Fault.DUPLICATE_ID),
    ("x,,2,3,4", "red", Fault.MISSING_VALUE),
    ("x,1,high,3,4", "yellow", Fault.NOT_A_NUMBER),
    ("x,1,1 2,3,4", "yellow", Fault.NOT_A_NUMBER),
    ("x,1,0x10,3,4", "yellow", Fault.NOT_A_NUMBER),
    ("x,1,2,NaN,4", "green", Fault.NOT_FINITE),
    ("x,1,2,-inf,4", "green", Fault.NOT_FINITE),
    ("x,1,2,1e999,4", "green", Fault.NOT_FINITE),
    ("x,1,2,3,100.01", "blue", Fault.OUT_OF_RANGE),
    ("x,-0.5,2,3,4", "red", Fault.OUT_OF_RANGE),
    ("x\0y,1,2,3,4", "id", Fault.UNUSABLE_TEXT),
    ("x" * 1025 + ",1,2,3,4", "id", Fault.TOO_LONG),
    ("x,1,2,3", "", Fault.BROKEN_ROW),
    ("x,1,2,3,4,5", "", Fault.BROKEN_ROW),
]


@pytest.mark.parametrize(("row", "column", "fault"), BAD_ROWS)
def test_a_bad_row_is_set_aside_with_its_number_column_and_reason(
    tmp_path, row, column, fault
) -> None:
    lines = [HEADER, *ROWS[:20], row, *ROWS[20:]]
    roster = read(tmp_path, "\n".join(lines) + "\n", csv={"encoding": "utf-8"})
    assert (roster.rows, roster.rejected.rows, roster.read) == (40, 1, 41)
    assert dict(roster.rejected.by_fault) == {(column, fault.value): 1}
    line = pq.read_table(roster.rejected.path).to_pylist()[0]
    assert (line["row"], line["column"], line["reason"]) == (21, column, fault.value)
    assert roster.column("id").to_pylist() == [f"p{i}" for i in range(40)]
    assert [row for row in roster.column("row").to_pylist() if row == 21] == []


def test_all_faults_of_a_row_are_told_and_the_row_counts_once(tmp_path) -> None:
    roster = read(tmp_path, GOOD + "x,,high,3,400\n")
    assert roster.rejected.rows == 1
    assert len(roster.rejected.by_fault) == 3


def test_an_optional_feature_may_be_missing(tmp_path) -> None:
    text = "id,red,yellow,green,blue,skill\na,1,2,3,4,\nb,1,2,3,4,7\n"
    roster = read(tmp_path, text, features=[{"name": "skill", "optional": True}])
    assert np.isnan(roster.matrix(["skill"])[0, 0])
    assert roster.matrix(["skill"])[1, 0] == 7.0


def test_shards_are_cut_at_a_fixed_number_of_rows(tmp_path) -> None:
    count = 2 * SHARD_ROWS + 17
    ones = np.ones(count)
    big = pa.table(
        {
            "id": [str(i) for i in range(count)],
            "red": ones,
            "yellow": ones,
            "green": ones,
            "blue": ones,
        }
    )
    roster = read(tmp_path, big, "big.parquet")
    assert [shard.rows for shard in roster.shards] == [SHARD_ROWS, SHARD_ROWS, 17]


WRONG_FILES = [
    (None, {}, "does not exist", Reason.SOURCE_NOT_FOUND),
    ("", {}, "is empty", Reason.NO_PEOPLE),
    ("\n\n", {}, "is empty", Reason.NO_PEOPLE),
    (HEADER + "\n", {}, "no rows", Reason.NO_PEOPLE),
    ("id,red,yelow,green,blue\na,1,2,3,4\n", {}, "did you mean `yelow`?", Reason.NO_SUCH_COLUMN),
    ("a,b\n1,2\n", {}, "has no column `id`, `red`", Reason.NO_SUCH_COLUMN),
    ("id,red,a,b\n1,2,3,4\n", {}, "it has `id`, `red`, `a`, `b`", Reason.NO_SUCH_COLUMN),
    ('{"id": "a", "red": 1}\n', {}, "is JSON, not CSV", Reason.SOURCE_UNREADABLE),
    (GOOD, {"columns": {"red": "rouge"}}, "set spec.source.columns.red", Reason.NO_SUCH_COLUMN),
    (GOOD, {"attributes": [{"name": "dept"}]}, "spec.source.attributes[0]", Reason.NO_SUCH_COLUMN),
    (GOOD, {"features": [{"name": "skill"}]}, "spec.source.features[0]", Reason.NO_SUCH_COLUMN),
    (GOOD.replace(",", "~"), {}, "set spec.source.csv.delimiter", Reason.NO_SUCH_COLUMN),
    (GOOD, {"csv": {"delimiter": ";"}}, "single column when split at `;`", Reason.NO_SUCH_COLUMN),
    (GOOD, {"csv": {"encoding": "klingon"}}, "no encoding `klingon`", Reason.SOURCE_UNREADABLE),
    (
        GOOD.encode("utf-16"),
        {"csv": {"encoding": "ascii"}},
        "not text in ascii",
        Reason.SOURCE_UNREADABLE,
    ),
    ("id,red,red,yellow,green,blue\na,1,1,2,3,4\n", {}, "`red` twice", Reason.SOURCE_UNREADABLE),
    (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, {}, "binary file", Reason.SOURCE_UNREADABLE),
    (b"PK\x03\x04" + bytes(range(1, 256)) * 4, {}, "binary file", Reason.SOURCE_UNREADABLE),
    (gzip.compress(GOOD.encode() * 50)[:-30], {}, "gzip", Reason.SOURCE_UNREADABLE),
    (b"\x1f\x8b\x00\x00junk", {}, "gzip", Reason.SOURCE_UNREADABLE),
    (b"PAR1 but not really PAR1", {}, "not a Parquet file", Reason.SOURCE_UNREADABLE),
    (GOOD, {"format": "Parquet"}, "not a Parquet file", Reason.SOURCE_UNREADABLE),
    (
        GOOD,
        {"format": "Postgres", "postgres": {"table": "t"}},
        "not a postgresql:// address",
        Reason.SOURCE_UNREADABLE,
    ),
    (GOOD, {"postgres": {"table": "t"}}, "not a postgresql:// address", Reason.SOURCE_UNREADABLE),
    (HEADER + "\nx,1,2,3\n", {}, "1 of 1 rows (100.0%)", Reason.TOO_MANY_INVALID_ROWS),
    (
        "\n".join([HEADER, *ROWS[:9], "x,,1,1,1"]),
        {},
        "1 of 10 rows (10.0%)",
        Reason.TOO_MANY_INVALID_ROWS,
    ),
    (
        GOOD + "x,,1,1,1\n",
        {"invalidRows": {"action": "Fail"}},
        "row 41",
        Reason.TOO_MANY_INVALID_ROWS,
    ),
    (
        GOOD + "p1,1,1,1,1\n",
        {"invalidRows": {"action": "Fail"}},
        "DuplicateId",
        Reason.TOO_MANY_INVALID_ROWS,
    ),
    (table(blue=None), {}, "has no column `blue`", Reason.NO_SUCH_COLUMN),
    (table(blue=[[1], [2]]), {}, "nested values", Reason.SOURCE_UNREADABLE),
]


@pytest.mark.parametrize(("data", "parts", "message", "reason"), WRONG_FILES)
def test_a_wrong_file_gives_one_message_and_leaves_nothing(
    tmp_path, data, parts, message, reason
) -> None:
    with pytest.raises(IngestError) as refused:
        read(tmp_path, data, **parts)
    assert message in str(refused.value)
    assert refused.value.reason is reason
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "spool").exists()


WRONG_ADDRESSES = [
    ("ftp://host/x.csv", "known are", FailureClass.USER),
    ("http://example.org/x.csv", "use https", FailureClass.USER),
    ("s3://bucket", "names no file", FailureClass.USER),
    ("https://127.0.0.1:1/x.csv", "cannot be reached", FailureClass.TRANSIENT),
    ("postgresql://127.0.0.1:1/db", "cannot be reached", FailureClass.TRANSIENT),
    ("nowhere/", "does not exist", FailureClass.USER),
    (".", "without a .parquet file", FailureClass.USER),
    ("x\0y", "does not exist", FailureClass.USER),
]


@pytest.mark.parametrize(("uri", "message", "failure"), WRONG_ADDRESSES)
def test_a_wrong_address_gives_one_message(tmp_path, uri, message, failure) -> None:
    parts = {"postgres": {"table": "people"}} if uri.startswith("postgres") else {}
    with pytest.raises(IngestError) as refused:
        read(tmp_path, None, uri, **parts)
    assert message in str(refused.value)
    assert refused.value.failure is failure


def test_messages_never_hold_what_stood_in_a_row(tmp_path) -> None:
    text = "\n".join([HEADER, *(f"canary{i},secretvalue{i},1,1,1" for i in range(9))])
    with pytest.raises(IngestError) as refused:
        read(tmp_path, text)
    assert "canary" not in str(refused.value)
    assert "secretvalue" not in str(refused.value)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.from_regex(
    r"[0-9]{1,3}(\.[0-9])?", fullmatch=True
)


@settings(
    max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.lists(CELL, min_size=5, max_size=5), max_size=8), st.sampled_from(",;\t|"))
def test_what_csv_writes_we_read(tmp_path, rows, delimiter) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER.split(","), *ROWS_FOR_PROPERTY, *rows])
    roster = read(
        tmp_path, text.getvalue(), invalidRows={"maxInvalidFraction": 1}, csv={"encoding": "utf-8"}
    )
    assert roster.read == 30 + len(rows)
    seen = {r[0] for r in ROWS_FOR_PROPERTY}
    for row in rows:
        if roster_takes(row) and row[0].strip() not in seen:
            seen.add(row[0].strip())
            assert row[0].strip() in roster.column("id").to_pylist()


ROWS_FOR_PROPERTY = [[f"base{i}", "1", "2", "3", "4"] for i in range(30)]


def roster_takes(row) -> bool:
    import re

    number = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
    simple = row[0].isascii() and row[0].strip()
    return bool(simple) and all(
        cell.isascii() and number.fullmatch(cell) and 0 <= float(cell) <= 100 for cell in row[1:]
    )


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.binary(max_size=300))
def test_no_bytes_give_a_traceback(tmp_path, data) -> None:
    try:
        read(tmp_path, data)
    except IngestError as refused:
        assert str(refused)


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.text(max_size=200))
def test_no_text_below_a_header_gives_a_traceback(tmp_path, text) -> None:
    try:
        read(tmp_path, GOOD + text)
    except IngestError as refused:
        assert str(refused)
