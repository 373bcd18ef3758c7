"""Both reports in a real browser: without violations that axe finds, and on a phone's screen."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from insights_workloads import report
from tests.unit.conftest import REPOSITORY
from tests.unit.report.browser import dom
from tests.unit.report.test_report import WHEN, result
from tests.unit.report.told import told

AXE = "4.14.1"
PHONE = 400


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core, kept in the cache of the worktree."""
    cache = REPOSITORY / ".cache" / "axe"
    archive = cache / f"axe-core-{AXE}.tgz"
    if not archive.exists():
        if shutil.which("npm") is None:
            pytest.skip("npm is not on this machine, and axe-core is not in the cache")
        cache.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", f"axe-core@{AXE}", "--silent"],
            cwd=cache, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"npm cannot fetch axe-core {AXE}")
    shutil.unpack_archive(archive, cache)
    return (cache / "package" / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    outcome = result(tmp_path_factory.mktemp("result"))
    return {
        "owner": report.render(report.owner_content(outcome, WHEN)),
        "reader": report.render(told(outcome, WHEN)),
    }


def answer(page: Path, folder: Path) -> object:
    found = re.search(r'<pre id="answer">(.*?)</pre>', dom(page, folder / "profile"), re.S)
    assert found is not None
    return json.loads(html.unescape(found[1]))


SAY = (
    "const say = what => { const out = document.createElement('pre'); out.id = 'answer'; "
    "out.textContent = JSON.stringify(what); document.body.append(out); };"
)


@pytest.mark.parametrize("whose", ["owner", "reader"])
def test_axe_finds_nothing(pages, axe, whose, tmp_path) -> None:
    page = tmp_path / "page.html"
    script = axe.replace("</script", "<\\/script")
    probe = SAY + "axe.run().then(r => say(r.violations.map(v => [v.id, v.nodes[0].html])));"
    page.write_text(
        pages[whose].replace("</body>", f"<script>{script}</script><script>{probe}</script></body>")
    )
    assert answer(page, tmp_path) == []


@pytest.mark.parametrize("whose", ["owner", "reader"])
def test_everything_is_within_a_phones_screen(pages, whose, tmp_path) -> None:
    page = tmp_path / "frame.html"
    probe = SAY + (
        "const frame = document.querySelector('iframe'); frame.addEventListener('load', () => {"
        "const inside = frame.contentDocument;"
        "const beyond = [...inside.querySelectorAll('td, th, p, h1, h2, h3, svg, li, dd')]"
        f".filter(each => each.getBoundingClientRect().right > {PHONE} + 0.5)"
        ".map(each => each.outerHTML.slice(0, 120));"
        "say([inside.documentElement.scrollWidth, beyond.slice(0, 3)]); });"
    )
    source = json.dumps(pages[whose]).replace("</", "<\\/")
    page.write_text(
        '<!doctype html><html lang="en"><body>'
        f'<iframe style="width: {PHONE}px; height: 900px; border: 0"></iframe>'
        f"<script>{probe} frame.srcdoc = {source};</script></body></html>"
    )
    width, beyond = answer(page, tmp_path)
    assert beyond == []
    assert width <= PHONE
