"""Text that nobody can store is told by its row, and nothing that is told quotes a person."""

from __future__ import annotations

import random

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from insights_crds.document import SpecError, load_text
from insights_crds.reasons import FailureClass
from insights_crds.v1 import Source
from insights_workloads.ingest import Fault, IngestError, ingest

ENERGIES = ("red", "yellow", "green", "blue")
CANARY = "Qanary"
PEOPLE = 30


def read(tmp_path, name="people.parquet", **parts):
    source = Source.model_validate(
        {"uri": name, "columns": {"name": "name"}, "attributes": [{"name": "dept"}], **parts}
    )
    return ingest(source, base=tmp_path, spool=tmp_path / "spool")


def strings(values: list[bytes]) -> pa.Array:
    """A column of strings that holds any bytes, as writers that check nothing make it."""
    binary = pa.array(values, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


UNUSABLE = [b"a\0b", b"\xff\xfe", "\ud800".encode("utf-8", "surrogatepass"), b"x\xc3"]


@pytest.mark.parametrize("column", ["id", "name", "dept"])
@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("binary", [True, False])
def test_text_that_cannot_be_stored_is_set_aside(tmp_path, column, value, binary) -> None:
    texts = {
        each: [b"%s%d" % (each.encode(), row) for row in range(PEOPLE)]
        for each in ("id", "name", "dept")
    }
    texts[column][7] = value
    columns = {each: pa.array(v) if binary else strings(v) for each, v in texts.items()}
    table = pa.table(columns | {energy: np.arange(PEOPLE) for energy in ENERGIES})
    pq.write_table(table, tmp_path / "people.parquet")
    roster = read(tmp_path)
    assert (roster.rows, roster.rejected.rows, roster.read) == (PEOPLE - 1, 1, PEOPLE)
    assert dict(roster.rejected.by_fault) == {(column, Fault.UNUSABLE_TEXT.value): 1}
    line = pq.read_table(roster.rejected.path).to_pylist()[0]
    assert line["row"] == 8
    assert "\0" not in line["value"]


def test_numbers_that_are_none_are_nobodys_group(tmp_path) -> None:
    table = pa.table(
        {"id": np.arange(PEOPLE), "name": ["n"] * PEOPLE, "dept": [1.0, np.nan, *[2.0] * 28]}
        | {energy: np.arange(PEOPLE) for energy in ENERGIES}
    )
    pq.write_table(table, tmp_path / "people.parquet")
    roster = read(tmp_path)
    assert dict(roster.rejected.by_fault) == {("dept", Fault.NOT_FINITE.value): 1}


def test_a_database_without_an_encoding_gives_bytes(tmp_path, postgres_dsn) -> None:
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' "
            "TEMPLATE template0"
        )
    uri = psycopg.conninfo.make_conninfo(postgres_dsn, dbname="bytes")
    with psycopg.connect(uri) as connection:
        connection.execute(
            "CREATE TABLE people AS SELECT i::text AS id, 'n'::text AS name, 'd' AS dept, i AS red,"
            " i AS yellow, i AS green, i AS blue FROM generate_series(1, 30) i"
        )
        connection.execute("UPDATE people SET name = E'\\xff' WHERE id = '3'")
    address = postgres_dsn.replace(":@", "@").replace("/postgres?", "/bytes?")
    roster = read(tmp_path, address, postgres={"table": "people"})
    assert dict(roster.rejected.by_fault) == {("name", Fault.UNUSABLE_TEXT.value): 1}
    assert roster.read == 30


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT '{CANARY}'::int AS id",
        f"SELECT '{CANARY}'::date AS id",
        f"SELECT cast(name AS int) AS id FROM (VALUES ('{CANARY}')) people (name)",
        f'SELECT 1 AS "{CANARY}"',
        f'SELECT \'{{"x": "{CANARY}"\'::json AS id',
        f"SELECT {CANARY} FROM {CANARY}",
        f"SELECT 'x' '{CANARY}",
    ],
)
def test_a_query_that_fails_quotes_nobody(tmp_path, postgres_dsn, query) -> None:
    with pytest.raises(IngestError) as refused:
        read(tmp_path, postgres_dsn.replace(":@", "@"), postgres={"query": query})
    assert CANARY.lower() not in str(refused.value).lower()
    assert "correct spec.source" in str(refused.value)
    assert refused.value.failure is FailureClass.USER


PERSON = f"E1,{CANARY} Schmidt,{CANARY}@x.org,41,20,30,9,blue"
ROSTERS = {
    "no header": "\n".join([PERSON] * PEOPLE),
    "semicolons": PERSON.replace(",", ";"),
    "title above": f"Team of {CANARY}, 2024\nid,name,dept,red,yellow,green,blue\n",
    "JSON lines": f'{{"id": 1, "name": "{CANARY}", "red": 1}}\n' * PEOPLE,
    "a list": f'[["{CANARY}", 1]]',
    "one column": f"{CANARY} Schmidt\n",
    "quote": f'id,name,dept,red,yellow,green,blue\n1,"{CANARY},3\n' + PERSON,
    "key value": f"name: {CANARY}\n",
    "wrong row": f"id,name,dept,red,yellow,green,blue\n{CANARY},{CANARY},{CANARY},{CANARY},1,1,1\n",
}


@pytest.mark.parametrize("text", ROSTERS.values(), ids=ROSTERS.keys())
@pytest.mark.parametrize("action", ["Quarantine", "Fail"])
def test_a_roster_that_is_refused_quotes_nobody(tmp_path, text, action) -> None:
    (tmp_path / "people.csv").write_text(text)
    with pytest.raises(IngestError) as refused:
        read(tmp_path, "people.csv", invalidRows={"action": action})
    assert CANARY.lower() not in str(refused.value).lower()
    assert refused.value.failure is FailureClass.USER


@pytest.mark.parametrize("text", ROSTERS.values(), ids=ROSTERS.keys())
def test_a_roster_in_place_of_a_run_quotes_nobody(text) -> None:
    with pytest.raises(SpecError) as refused:
        load_text(text)
    assert CANARY.lower() not in str(refused.value).lower()


def test_a_table_made_from_a_file_without_a_header_quotes_nobody(tmp_path) -> None:
    pq.write_table(pa.table({f"{CANARY} {i}": [i] for i in range(8)}), tmp_path / "people.parquet")
    with pytest.raises(IngestError) as refused:
        read(tmp_path)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_damaged_files_quote_nobody_and_are_never_transient(tmp_path, format) -> None:
    path = tmp_path / f"people.{format}"
    table = pa.table(
        {each: [f"{CANARY}{each}{row}" for row in range(PEOPLE)] for each in ("id", "name", "dept")}
        | {energy: np.arange(PEOPLE) for energy in ENERGIES}
    )
    if format == "csv":
        import pyarrow.csv as pacsv

        pacsv.write_csv(table, path)
    else:
        pq.write_table(table, path, compression="none", use_dictionary=False)
    whole = path.read_bytes()
    draw = random.Random(5)
    refusals = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(draw.randint(1, 6)):
            at = draw.randrange(len(damaged))
            match draw.randrange(4):
                case 0:
                    damaged[at] = draw.randrange(256)
                case 1:
                    del damaged[at : at + draw.randint(1, 60)]
                case 2:
                    damaged[at:at] = draw.choice([b'"', b"\0", b"\xff", b"\n", b";", b"\r", b"{"])
                case _:
                    damaged[at : at + 4] = draw.randbytes(4)
            if not damaged:
                break
        path.write_bytes(damaged)
        try:
            roster = read(tmp_path, path.name, invalidRows={"maxInvalidFraction": 1})
        except IngestError as refused:
            refusals += 1
            # The name of a file that the spec names holds no canary; nothing else may.
            assert CANARY.lower() not in str(refused).lower()
            assert refused.failure is FailureClass.USER
        else:
            assert roster.rows + roster.rejected.rows == roster.read
    assert refusals > 20
