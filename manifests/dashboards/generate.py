"""Write the dashboards' JSON from `boards`.

python -m manifests.dashboards.generate [--check]
"""

from __future__ import annotations

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from insights_crds.generate import write_or_check
from manifests.dashboards.boards import BOARDS

__all__ = ["generated", "main"]


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
    files = {f"manifests/dashboards/{name}": text for name, text in generated().items()}
    return write_or_check("manifests.dashboards.generate", files, arguments)


if __name__ == "__main__":
    sys.exit(main())
