"""One run end to end over synthetic people: wall time per stage, and the peak of resident memory.

    python benchmarks/pipeline.py [--people 1000000] [--ray] [--format parquet]

Memory is what every process of the run holds together (driver, Postgres, Ray), as the sum of
proportional set sizes, sampled four times a second; shared pages count once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

RUN = """
apiVersion: insights.observer.io/v1
kind: AnalysisRun
metadata: {name: benchmark}
spec:
  source: {uri: %s}
  clustering: {k: {fixed: 8}}
  teams: {size: {min: 8, max: 8}}
"""


def make_people(path: Path, people: int, seed: int = 42) -> None:
    """Write a roster of people with four energies."""
    energies = np.random.default_rng(seed).uniform(0, 100, (people, 4)).round(2)
    columns = dict(zip(("red", "yellow", "green", "blue"), energies.T, strict=True))
    table = pa.table({"id": [f"P{i:08d}" for i in range(people)], **columns})
    if path.suffix == ".csv":
        pacsv.write_csv(table, path)
    else:
        pq.write_table(table, path)


def held(home: Path) -> int:
    """Bytes that the run's processes hold together."""
    total = 0
    ours = {p.pid for p in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter(["cmdline", "pid"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["pid"] in ours or str(home) in line or line.startswith("postgres:"):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
    return total


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        roster = base / f"people.{arguments.format}"
        make_people(roster, arguments.people)
        (base / "run.yaml").write_text(RUN % roster.name)
        command = [
            str(Path(sys.executable).parent / "insights"),
            "run",
            "-f",
            str(base / "run.yaml"),
            "--home",
            str(base / "home"),
            "--progress",
            "json",
            "--output",
            "json",
            "--ray" if arguments.ray else "--no-ray",
        ]
        peak, stages = 0, {}
        began = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:

            def watch() -> None:
                for line in run.stderr or ():
                    try:
                        stage = json.loads(line)["stage"]
                    except ValueError:
                        sys.stderr.buffer.write(line)
                        continue
                    stages.setdefault(stage, time.monotonic() - began)

            watcher = threading.Thread(target=watch)
            watcher.start()
            while run.poll() is None:
                peak = max(peak, held(base))
                time.sleep(0.25)
            watcher.join()
            wall = time.monotonic() - began
            summary = json.loads(run.stdout.read())["summary"] if run.returncode == 0 else None
    starts = [*stages.items(), ("", wall)]
    print(f"{arguments.people:,} people, {arguments.format}, ray {arguments.ray}")
    for (stage, start), (_, end) in pairwise(starts):
        print(f"  {stage:<10} {end - start:7.1f} s")
    print(f"  {'whole run':<10} {wall:7.1f} s")
    print(f"  {'peak held':<10} {peak / 2**30:7.2f} GiB")
    print(
        f"  exit {run.returncode}, {summary and summary['teams']:,} teams" if summary else "failed"
    )


if __name__ == "__main__":
    main()
