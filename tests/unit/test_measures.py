"""What a computation measures while it runs, and that it costs nothing where nobody asks."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from docs.generate import generated
from insights_crds.v1 import Source, Teams
from insights_workloads.clustering import ClusteringOptions, cluster
from insights_workloads.ingest import ingest
from insights_workloads.measures import (
    INERTIA,
    MEASURES,
    PASSES,
    ROUNDS,
    ROWS_PASSED,
    ROWS_READ,
    STAGE,
    UNBALANCE,
)
from insights_workloads.progress import Stage, StageClock
from insights_workloads.ray_metrics import exported
from insights_workloads.teams import TeamOptions, compile_problem, form_teams

REPOSITORY = Path(__file__).resolve().parents[2]
FOUR = ("red", "yellow", "green", "blue")


class Kept:
    """Figures as Prometheus would have them in the end: counters added up, gauges the last."""

    def __init__(self) -> None:
        self.figures = defaultdict(list)

    def __call__(self, fraction, message="", figures=()) -> None:
        for measure in figures:
            self.figures[measure].append(figures[measure])


def test_each_stage_tells_its_measures(tmp_path) -> None:
    kept = Kept()
    source = Source.model_validate({"uri": str(REPOSITORY / "examples/roster.csv")})
    roster = ingest(source, base=REPOSITORY, spool=tmp_path / "spool", progress=kept)
    assert sum(kept.figures[ROWS_READ]) == roster.read == 300
    matrix = roster.matrix(FOUR)
    found = cluster(matrix, FOUR, ClusteringOptions(k=5, restarts=3, tolerance=0.0), progress=kept)
    passes = sum(kept.figures[PASSES])
    assert passes >= found.iterations
    assert passes * len(matrix) <= sum(kept.figures[ROWS_PASSED]) <= 3 * passes * len(matrix)
    # Until the end it falls, and where nothing moves any more it is that of the result.
    assert kept.figures[INERTIA][0] > kept.figures[INERTIA][-1]
    assert min(kept.figures[INERTIA]) == pytest.approx(found.inertia, rel=1e-9)
    teams = Teams.model_validate({"size": {"min": 6, "max": 8}})
    problem = compile_problem(teams, FOUR, matrix, lambda _: pa.chunked_array([[]]))
    plan = form_teams(problem, TeamOptions(rounds=200), progress=kept)
    assert sum(kept.figures[ROUNDS]) == plan.rounds == 200
    assert 0 <= kept.figures[UNBALANCE][-1] < 0.1
    assert set(kept.figures) == set(MEASURES) - {STAGE}


def test_figures_come_with_the_snapshot_of_their_stage() -> None:
    told = []
    clock = StageClock((Stage("Ingest", 1.0),), told.append)
    clock.stage("Ingest")(0.5, "reading", {ROWS_READ: 10})
    (snapshot,) = told
    assert (snapshot.stage, dict(snapshot.figures)) == ("Ingest", {ROWS_READ: 10})


def test_without_ray_nothing_is_imported_for_it() -> None:
    program = (
        "import sys\n"
        "from insights_store.execution import Claim, Execution\n"
        "from insights_workloads.measures import ROWS_READ\n"
        "from insights_workloads.progress import Snapshot\n"
        "from insights_workloads.ray_metrics import RayMetrics\n"
        "metrics = RayMetrics(Claim(Execution('e', 'n', 'r', 'k'), 1, 1, {}, None))\n"
        "metrics.tell(Snapshot('Ingest', 0.5, 10, None, '', {ROWS_READ: 1}))\n"
        "assert 'ray' not in sys.modules and not metrics._made\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_keep_the_conventions_and_the_page_has_them() -> None:
    page = (REPOSITORY / "docs/metrics.md").read_text()
    assert page == generated()
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    for measure in MEASURES:
        assert measure.name.startswith("insights_workload_")
        assert not measure.name.endswith("_total")
        assert measure.says.endswith(".")
        assert f"| `{exported(measure)}` | {measure.kind} |" in page
    assert np.unique([exported(each) for each in MEASURES]).size == len(MEASURES)
