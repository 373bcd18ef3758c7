from __future__ import annotations

import pytest

from insights_workloads.cli.wait import verdict


def run(generation=2, **conditions) -> dict:
    return {
        "metadata": {"generation": generation},
        "status": {
            "conditions": [
                {"type": kind, "status": status, "message": kind, "observedGeneration": seen}
                for kind, (status, seen) in conditions.items()
            ]
        },
    }


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"metadata": {"generation": 1}}, None),
        (run(Finished=("False", 2), Succeeded=("Unknown", 2)), None),
        (run(Finished=("True", 2), Succeeded=("True", 2)), (True, "Succeeded")),
        (run(Finished=("True", 2), Succeeded=("False", 2)), (False, "Succeeded")),
        # What is said of the last spec is not said of this one.
        (run(Finished=("True", 1), Succeeded=("True", 1)), None),
    ],
)
def test_verdict(seen, expected) -> None:
    assert verdict(seen) == expected
