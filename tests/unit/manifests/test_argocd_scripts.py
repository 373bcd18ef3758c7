"""Argo CD's scripts of our kinds, run by Lua 5.1 as Argo CD runs them, to the letter.

The files are laid out as Argo CD's own are, so that they can be handed to it as they stand.
`tests/apiserver/test_argocd.py` has Argo CD's binary run the same scripts out of the chart.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

ROOT = Path(__file__).resolve().parents[3] / "argocd" / "resource_customizations"
NOW = time.strptime("2026-11-25 06:00:00", "%Y-%m-%d %H:%M:%S")


def cases(file: str, part: str) -> list[Any]:
    return [
        pytest.param(path.parent, case, id=f"{path.relative_to(ROOT).parts[1]}-{number}")
        for path in sorted(ROOT.rglob(file))
        for number, case in enumerate(yaml.safe_load(path.read_text())[part])
    ]


def run(script: Path, resource: Any) -> Any:
    """What a script returns for an object. As in Argo CD, it can load nothing but `os`, of which
    only what tells the time is there.
    """
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    clock = lua.table_from({"date": lambda form: time.strftime(form.removeprefix("!"), NOW)})
    sandbox = lua.table_from({"obj": resource}, recursive=True)
    for name in ("ipairs", "pairs", "tostring", "tonumber", "type", "string", "table"):
        sandbox[name] = lua.globals()[name]
    sandbox["require"] = {"os": clock}.__getitem__
    load = lua.eval("function(text, sandbox) return setfenv(assert(loadstring(text)), sandbox) end")
    return plain(load(script.read_text(), sandbox)())


def plain(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    items = dict(value.items())
    if items and set(items) == set(range(1, len(items) + 1)):
        return [plain(items[key]) for key in sorted(items)]
    return {key: plain(each) for key, each in items.items()}


@pytest.mark.parametrize(("folder", "case"), cases("health_test.yaml", "tests"))
def test_health(folder, case) -> None:
    resource = yaml.safe_load((folder / case["inputPath"]).read_text())
    assert run(folder / "health.lua", resource) == case["healthStatus"]


@pytest.mark.parametrize(("folder", "case"), cases("action_test.yaml", "discoveryTests"))
def test_actions_that_are_offered(folder, case) -> None:
    resource = yaml.safe_load((folder / case["inputPath"]).read_text())
    offered = {
        name: each.get("disabled", False)
        for name, each in run(folder / "discovery.lua", resource).items()
    }
    assert offered == {each["name"]: each["disabled"] for each in case["result"]}
    # Each that is offered exists.
    assert set(offered) == {path.parent.name for path in folder.glob("*/action.lua")}


@pytest.mark.parametrize(("folder", "case"), cases("action_test.yaml", "actionTests"))
def test_what_an_action_does(folder, case) -> None:
    resource = yaml.safe_load((folder / case["inputPath"]).read_text())
    done = run(folder / case["action"] / "action.lua", resource)
    wanted = yaml.safe_load((folder / case["expectedOutputPath"]).read_text())
    if isinstance(wanted, list):
        wanted = [
            {"operation": each["k8sOperation"], "resource": each["unstructuredObj"]}
            for each in wanted
        ]
    assert done == wanted
