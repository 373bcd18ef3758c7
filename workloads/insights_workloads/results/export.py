"""Tables as they are handed on: names and numbers as the report has them, files that open right.

A cell of a spreadsheet that begins like a formula is one, whoever typed it into the roster. Text is
written as text: in a workbook by its type, in CSV with an apostrophe before it, as OWASP advises.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import xlsxwriter

__all__ = ["numbered", "to_csv", "to_workbook", "with_names"]

_BOM = b"\xef\xbb\xbf"
_FORMULA = r"^[=+\-@\t\r\n]"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_WIDEST = 60
_LOOKED_AT = 1000


def with_names(people: pa.Table, clusters: pa.Table, teams: pa.Table) -> pa.Table:
    """The table of people with names of clusters and teams, and numbers from 1 as people see them.

    Args:
        people: as published, by this version or an earlier one.
        clusters: as published, with `number` and `name`.
        teams: likewise; without rows where there are no teams.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    for name in people.column_names:
        values = people[name]
        if name == "cluster":
            columns[name] = pc.add(values, 1)
            columns["cluster_name"] = _looked_up(values, clusters)
        elif name == "team":
            columns[name] = pc.add(values, 1)
            columns["team_name"] = _looked_up(values, teams)
        else:
            columns[name] = values
    return pa.table(columns)


def numbered(table: pa.Table) -> pa.Table:
    """A table of clusters, teams or breaches with numbers from 1.

    The table of people has them already, by `with_names`.
    """
    for name in ("number", "team"):
        if name in table.column_names:
            at = table.column_names.index(name)
            return table.set_column(at, name, pc.add(table[name], 1))
    return table


def to_csv(table: pa.Table) -> bytes:
    """CSV that spreadsheets open with the right letters, and in which no text is a formula."""
    guarded = {
        name: _guarded(table[name]) if pa.types.is_string(table[name].type) else table[name]
        for name in table.column_names
    }
    sink = io.BytesIO()
    sink.write(_BOM)
    pacsv.write_csv(pa.table(guarded), sink)
    return sink.getvalue()


def to_workbook(sheets: dict[str, pa.Table]) -> bytes:
    """An Excel workbook: a sheet a table, with a header that stays and can be filtered."""
    sink = io.BytesIO()
    book = xlsxwriter.Workbook(sink, {"in_memory": True})
    heading = book.add_format({"bold": True, "bottom": 1})
    for title, table in sheets.items():
        sheet = book.add_worksheet(title)
        for at, name in enumerate(table.column_names):
            values = table[name].to_pylist()
            sheet.write_string(0, at, name, heading)
            for row, value in enumerate(values, start=1):
                if isinstance(value, bool):
                    sheet.write_boolean(row, at, value)
                elif isinstance(value, int | float):
                    sheet.write_number(row, at, value)
                elif value is not None:
                    sheet.write_string(row, at, str(value))
            shown = [name + "   ", *(_shown(value) for value in values[:_LOOKED_AT])]
            sheet.set_column(at, at, min(_WIDEST, 2 + max(map(len, shown))))
        sheet.freeze_panes(1, 0)
        if table.num_columns:
            sheet.autofilter(0, 0, max(1, table.num_rows), table.num_columns - 1)
    book.close()
    return sink.getvalue()


def _looked_up(numbers: pa.ChunkedArray, groups: pa.Table) -> pa.ChunkedArray:
    if "number" not in groups.column_names:
        return pa.chunked_array([pa.nulls(len(numbers), pa.string())])
    found = pc.index_in(numbers, value_set=groups["number"].combine_chunks())
    return groups["name"].combine_chunks().take(found.combine_chunks())


def _guarded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    risky = pc.and_(
        pc.match_substring_regex(values, _FORMULA),
        pc.invert(pc.match_substring_regex(values, _NUMBER)),
    )
    marked = pc.binary_join_element_wise(pa.scalar("'"), values, "")
    return pc.if_else(risky, marked, values)


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
