"""Peak resident memory and speed of ingest, for rosters of different sizes.

    python benchmarks/ingest.py [--people 1000000 4000000]

Each size and format runs in a process of its own. Memory should not grow with the file, but for
the sixteen bytes a row with which duplicates are found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

from pipeline import make_people

from insights_crds.v1 import Source
from insights_workloads.ingest import ingest


def measure(path: Path, answer: multiprocessing.Queue) -> None:
    began = time.perf_counter()
    roster = ingest(Source(uri=path.name), base=path.parent, spool=path.parent / "spool")
    seconds = time.perf_counter() - began
    answer.put((roster.rows, seconds, peak_mebibytes()))


def peak_mebibytes() -> float:
    # Not getrusage: what that tells of a child includes its parent before the exec.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, nargs="+", default=[1_000_000, 4_000_000])
    sizes = parser.parse_args().people
    spawn = multiprocessing.get_context("spawn")
    print(f"{'format':<8} {'people':>12} {'file':>10} {'seconds':>8} {'peak':>9}")
    for kind in ("csv", "parquet"):
        for people in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"people.{kind}"
                make_people(path, people)
                answer = spawn.Queue()
                process = spawn.Process(target=measure, args=(path, answer))
                process.start()
                rows, seconds, peak = answer.get()
                process.join()
                size = path.stat().st_size / 2**20
            print(f"{kind:<8} {rows:>12,} {size:>6.0f} MiB {seconds:>8.1f} {peak:>5.0f} MiB")


if __name__ == "__main__":
    main()
