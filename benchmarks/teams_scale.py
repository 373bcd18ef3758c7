"""How equal many small teams become, at which size, under which rules, and how fast.

    python benchmarks/teams_scale.py [--people 10000 100000] [--seconds S] [--rules] [--k-plus]
                                     [--workers 1 2] [--ray]

Teams of 8 from `default_rng(42).uniform(0, 100, (n, 4))`. The gap is (TSS - W) / TSS, where W is
the sum of squared distances to the mean of one's team and TSS to everyone's: the share of variance
that is left between teams. Times, wall and CPU, are those of
the search, without compilation and the making of data. With several numbers of workers each line
is made with each: the same gap for the same rounds, in less time; with --seconds a lower gap. With
--ray workers are actors: their start counts, the start of Ray does not, and CPU is the driver's.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pyarrow as pa

from insights_crds.v1 import Teams
from insights_workloads.ray_session import ensure_ray
from insights_workloads.teams import TeamOptions, TeamPlan, Threads, compile_problem, form_teams
from insights_workloads.teams.ray_crew import RayCrew

NAMES = ("red", "yellow", "green", "blue")


def gap(matrix: np.ndarray, team: np.ndarray) -> float:
    centred = matrix - matrix.mean(axis=0)
    sizes = np.bincount(team)
    between = sum(float((np.bincount(team, c) ** 2 / sizes).sum()) for c in centred.T)
    return between / float((centred**2).sum())


def columns(n: int, seed: int = 42) -> dict[str, np.ndarray]:
    """What the rules look at: shares as they are in companies, drawn at random."""
    random = np.random.default_rng(seed + 1)
    # Pairs are in no clique, so that no two rules contradict each other.
    paired = np.arange(n) < n // 20 * 2
    clique = ~paired & (random.random(n) < 0.2)
    return {
        "lead": np.where(random.random(n) < 0.25, "yes", "no"),
        "rare": np.where(random.random(n) < 0.16, "yes", "no"),
        "dept": random.choice(list("abcdefghij"), n),
        "minority": np.where(random.random(n) < 0.3, "m", "o"),
        "cost": random.normal(100, 20, n).round(),
        "clique": np.where(clique, random.integers(0, n // 25 + 1, n), -1),
        "pair": np.where(paired, np.arange(n) // 2, -1),
    }


def suite(tight: bool) -> dict[str, list[dict[str, object]]]:
    """Ten kinds of rule, each alone and all but the numeric one together."""
    lead = "rare" if tight else "lead"
    band = 0.08 if tight else 0.15
    rules: dict[str, dict[str, object]] = {
        "role": {"atLeast": {"attribute": lead, "values": ["yes"], "count": 1}},
        "share": {"atLeast": {"attribute": "lead", "values": ["yes"], "share": 0.12}},
        "cap": {"atMost": {"attribute": "dept", "values": ["a"], "count": 2 if tight else 3}},
        "share-cap": {"atMost": {"attribute": "lead", "values": ["yes"], "share": 0.5}},
        "lone": {"noLoneMinority": {"attribute": "minority", "values": ["m"]}},
        "sum": {
            "range": {
                "field": "cost",
                "aggregate": "Sum",
                "min": 800 * (1 - band),
                "max": 800 * (1 + band),
            }
        },
        "mean": {
            "range": {
                "field": "red",
                "aggregate": "Mean",
                "min": 45 if tight else 40,
                "max": 55 if tight else 60,
            }
        },
        "apart": {"keepApart": {"attribute": "clique", "maxTogether": 1}},
        "some-apart": {"keepApart": {"attribute": "dept", "maxTogether": 2 if tight else 3}},
        "together": {"keepTogether": {"attribute": "pair"}},
    }
    named = {name: {"name": name, **rule} for name, rule in rules.items()}
    return {**{name: [rule] for name, rule in named.items()}, "all": list(named.values())}


def form(n: int, rules: list[dict[str, object]], options: TeamOptions, kind: str) -> TeamPlan:
    matrix = np.random.default_rng(42).uniform(0, 100, (n, 4))
    table = {
        name: pa.chunked_array(
            [
                pa.array(c)
                if c.dtype.kind == "f"
                else pa.array([None if v == "-1" else v for v in c.astype(str)])
            ]
        )
        for name, c in columns(n).items()
    }
    table |= {
        name: pa.chunked_array([pa.array(c)]) for name, c in zip(NAMES, matrix.T, strict=True)
    }
    spec = Teams.model_validate(
        {
            "size": {"min": 8, "max": 8},
            "objectives": [{"kind": kind}],
            "constraints": rules,
            "worstTeamWeight": 0,
        }
    )
    problem = compile_problem(spec, NAMES, matrix, table.__getitem__)
    start, work = time.perf_counter(), time.process_time()
    plan = form_teams(problem, options)
    seconds, work = time.perf_counter() - start, time.process_time() - work
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    named = ",".join(str(rule["name"]) for rule in rules) if len(rules) < 3 else "all"
    least, most = plan.figures.variety.min(), plan.figures.variety.max()
    print(
        f"{n:>9,}  {kind:<8}  {named:<10}  {gap(matrix, plan.team):.2e}  {least:.2f}-{most:.2f}  "
        f"{options.crew.workers or 'all':>3} {type(options.crew).__name__}  "
        f"{seconds:6.2f} s  {work:6.2f} s CPU  {plan.rounds:>6} rounds  "
        f"{held:.1f} GiB  {plan.outcome.value}",
        flush=True,
    )
    return plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, help="limit of wall time; else the default work")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--rules", action="store_true", help="the suite of rules, loose and tight")
    parser.add_argument("--workers", type=int, nargs="+", help="threads; one a CPU without")
    parser.add_argument("--ray", action="store_true", help="actors of Ray instead of threads")
    parser.add_argument("--k-plus", action="store_true", help="balance spreads as well as means")
    asked = parser.parse_args()
    kind = "KPlus" if asked.k_plus else "Variance"
    if asked.ray:
        ensure_ray()
    crew = RayCrew if asked.ray else Threads
    every = [
        TeamOptions(0, asked.rounds, asked.seconds, crew=crew(workers))
        for workers in asked.workers or [None]
    ]
    for rules in ([], suite(True)["all"]):
        form(2_000, rules, TeamOptions(0, 50), kind)  # Compiles the kernels.
    for n in asked.people:
        if not asked.rules:
            for options in every:
                form(n, [], options, kind)
            continue
        for tight in (False, True):
            print("tight" if tight else "loose")
            for rules in suite(tight).values():
                for options in every:
                    form(n, rules, options, kind)


if __name__ == "__main__":
    main()
