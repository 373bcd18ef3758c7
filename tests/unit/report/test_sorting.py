"""Tables that a reader sorts, in a real browser: each header of each table, both ways."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from tests.unit.report.browser import dom

SCRIPT = files("insights_workloads.report").joinpath("sorting.js").read_text()
TABLES = """
<table class="sortable"><thead><tr><th>team</th><th class="num">people</th></tr></thead><tbody>
<tr><td data-sort="team-10">team-10 Anna, Zoe</td><td class="num">7</td></tr>
<tr><td data-sort="team-9">team-9 Bert</td><td class="num">1,234</td></tr>
<tr><td data-sort="team-1">team-1</td><td class="num">12</td></tr></tbody></table>
<table class="sortable">
<thead><tr><th>person</th><th>why</th><th class="num">price</th><th></th></tr></thead><tbody>
<tr><td>Özil</td><td></td><td class="num">10.5 %</td><td></td></tr>
<tr><td>Zoe</td><td>b</td><td class="num"></td><td></td></tr>
<tr><td>anna</td><td>a</td><td class="num">-2.0 %</td><td></td></tr>
<tr><td>Bert</td><td>c</td><td class="num">·</td><td></td></tr>
<tr><td>Cem</td><td>d</td><td class="num" data-sort="9.96">10.0 %</td><td></td></tr></tbody></table>
"""
PROBE = """
const seen = [];
[...document.querySelectorAll("table.sortable")].forEach((table, at) => {
  [...table.querySelectorAll("th")].forEach((th, column) => {
    const button = th.querySelector("button");
    if (!button) return;
    for (const way of ["ascending", "descending"]) {
      button.click();
      const arrows = [...table.querySelectorAll("th[aria-sort]")].map(h => h.ariaSort);
      const names = [...table.tBodies[0].rows].map(row => row.cells[0].textContent);
      seen.push([at, column, way, arrows, names]);
    }
  });
});
const out = document.createElement("pre"); out.id = "seen"; out.textContent = JSON.stringify(seen);
document.body.append(out);
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict[tuple[int, int, str], list[str]]:
    folder = tmp_path_factory.mktemp("sorting")
    page = folder / "page.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><body>{TABLES}'
        f"<script>{SCRIPT}</script><script>{PROBE}</script></body></html>"
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom(page, folder / "profile"))
    rows = json.loads(found[1].replace("&amp;", "&"))
    assert all(arrows == [way] for _, _, way, arrows, _ in rows)
    return {
        (table, column, way): [name.split(" ")[0] for name in names]
        for table, column, way, _, names in rows
    }


@pytest.mark.parametrize(
    ("table", "column", "ascending", "descending"),
    [
        (0, 0, "team-1 team-9 team-10", "team-10 team-9 team-1"),
        (0, 1, "team-10 team-1 team-9", "team-9 team-1 team-10"),
        (1, 0, "anna Bert Cem Özil Zoe", "Zoe Özil Cem Bert anna"),
        # What says nothing is last, whichever way.
        (1, 1, "anna Zoe Bert Cem Özil", "Cem Bert Zoe anna Özil"),
        (1, 2, "anna Cem Özil", "Özil Cem anna"),
    ],
)
def test_numbers_as_numbers_text_as_text_and_empty_last(
    seen, table, column, ascending, descending
) -> None:
    for way, wanted in (("ascending", ascending), ("descending", descending)):
        found = seen[table, column, way]
        assert found[: len(wanted.split())] == wanted.split()
        if (table, column) == (1, 2):
            assert set(found[3:]) == {"Zoe", "Bert"}


def test_a_header_that_says_nothing_sorts_nothing(seen) -> None:
    assert (1, 3, "ascending") not in seen
