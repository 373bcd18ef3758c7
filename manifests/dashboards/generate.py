"""Write the dashboards' JSON from `boards`.

python -m manifests.dashboards.generate [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from manifests.dashboards.boards import BOARDS

__all__ = ["generated", "main"]

_FOLDER = Path(__file__).resolve().parent


def generated() -> dict[str, str]:
    """Every file: its name and its text."""
    out = {}
    for name, make in BOARDS.items():
        text = JSONEncoder(sort_keys=True, indent=1).encode(make().build())
        board = json.loads(text)
        for number, panel in enumerate(board["panels"], 1):
            panel["id"] = number
        out[f"{name}.json"] = json.dumps(board, indent=1, sort_keys=True) + "\n"
    return out


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with `--check` say which differ. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m manifests.dashboards.generate")
    parser.add_argument("--check", action="store_true", help="fail where they differ")
    check = parser.parse_args(arguments).check
    stale = [
        (name, text)
        for name, text in generated().items()
        if not (_FOLDER / name).is_file() or (_FOLDER / name).read_text() != text
    ]
    for name, text in stale:
        if check:
            print(f"manifests/dashboards/{name} is stale; run `make format`", file=sys.stderr)
        else:
            (_FOLDER / name).write_text(text)
            print(f"wrote manifests/dashboards/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
