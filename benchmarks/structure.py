"""Whether clusters are seen where there are some, and none where there are none.

    python benchmarks/structure.py [--repeats 100] [--only NAME] [--peers] [--sets FOLDER]

For each kind of people without clusters, how often structure is claimed; for each kind with a known
number, how often just that number is found. With --peers the same of Calinski-Harabasz, silhouette
(k-means of scikit-learn, 2 to 12 clusters) and HDBSCAN, which cannot say that there is one. With
--sets the published point sets of a folder as well (NAME.data.gz beside NAME.labels0.gz).
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from scipy import stats

from insights_workloads.clustering import KRange, KSelection
from insights_workloads.clustering.engine import select

Make = Callable[[np.random.Generator], np.ndarray]
_MOST = 12
_MOST_PUBLISHED = 25


def energies(e: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Four energies of two traits, each as a percentile."""
    return np.column_stack([e + 100 - a, e + a, 100 - e + a, 200 - e - a]) / 2


def percentiles(traits: np.ndarray) -> np.ndarray:
    return np.asarray(stats.rankdata(traits, axis=0) / len(traits) * 100)


def traits(random: np.random.Generator, n: int = 600, rho: float = 0.4) -> np.ndarray:
    both = percentiles(random.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n))
    return np.round(energies(*both.T), 1)


def gaps(rows: np.ndarray, random: np.random.Generator, share: float) -> np.ndarray:
    rows = rows.copy()
    rows[random.random(rows.shape) < share] = np.nan
    # Nobody answered nothing.
    empty = np.isnan(rows).all(axis=1)
    rows[empty, 0] = np.nanmean(rows[:, 0])
    return rows


def one_gap(random: np.random.Generator, n: int = 600) -> np.ndarray:
    """Energies, and a skewed feature that 60 % did not tell."""
    rows = np.column_stack([random.normal(50, 15, (n, 3)), random.exponential(20, n)])
    rows[random.random(n) < 0.6, 3] = np.nan
    return rows


def slip(random: np.random.Generator, n: int = 600) -> np.ndarray:
    rows = random.normal(50, 10, (n, 4))
    rows[random.integers(n), random.integers(4)] = 1e9
    return rows


def ipsative(random: np.random.Generator, alpha: float, n: int = 600) -> np.ndarray:
    return random.dirichlet(np.full(4, alpha), n) * 100


def likert(random: np.random.Generator, n: int = 600, d: int = 6) -> np.ndarray:
    """Answers of 1 to 5 that share a factor."""
    latent = random.normal(size=(n, 1)) * 0.7 + random.normal(size=(n, d))
    return np.clip(np.round(latent * 0.9 + 3), 1, 5)


ABSENT: dict[str, Make] = {
    "uniform": lambda r: r.uniform(0, 100, (600, 4)),
    "gaussian": lambda r: r.normal(50, 12, (600, 4)),
    "skewed": lambda r: r.exponential(15, (600, 4)),
    "ipsative": partial(ipsative, alpha=2.0),
    "ipsative, even": partial(ipsative, alpha=1.0),
    "ipsative, rounded": lambda r: np.round(ipsative(r, 2.0)),
    "yes or no": lambda r: (r.random((600, 6)) < 0.5).astype(float),
    "yes or no, rare": lambda r: (r.random((600, 6)) < r.uniform(0.1, 0.9, 6)).astype(float),
    "60 % missing": one_gap,
    "60 % missing of all": lambda r: gaps(r.exponential(15, (600, 4)), r, 0.6),
    "one slip": slip,
    "traits": traits,
    "1 to 5": likert,
    "heavy tails": lambda r: r.standard_t(3, (600, 4)),
    "lognormal": lambda r: r.lognormal(0, 1, (600, 3)),
    "correlated skew": lambda r: np.exp(
        r.multivariate_normal(np.zeros(3), 0.5 * np.eye(3) + 0.5, 600) * 0.6
    ),
    "yes or no beside energies": lambda r: np.column_stack(
        [r.normal(50, 15, (600, 3)), 100.0 * (r.random((600, 2)) < 0.4)]
    ),
}


def apart(
    random: np.random.Generator,
    sizes: tuple[int, ...],
    distance: float,
    d: int = 4,
    noise: int = 0,
    spreads: tuple[float, ...] | None = None,
    stretch: float = 1.0,
) -> np.ndarray:
    """Gaussian groups whose nearest two centres are `distance` standard deviations apart."""
    k = len(sizes)
    spreads = spreads or (1.0,) * k
    while True:
        centers = random.normal(size=(k, d))
        between = [np.linalg.norm(a - b) for i, a in enumerate(centers) for b in centers[:i]]
        if min(between) > 0.35 * max(between) or k > 5:
            break
    centers *= distance / min(between)
    axes = np.ones(d)
    axes[0] = stretch
    rows = [
        c + s * random.normal(size=(n, d)) * axes
        for c, n, s in zip(centers, sizes, spreads, strict=True)
    ]
    made = np.vstack(rows)
    if noise:
        low, high = made.min(axis=0), made.max(axis=0)
        made = np.vstack([made, random.uniform(low, high, (noise, d))])
    return made


PRESENT: dict[str, tuple[int, Make]] = {
    "540/30/30, 6 sd": (3, lambda r: apart(r, (540, 30, 30), 6)),
    "3 x 190, 30 anywhere": (3, lambda r: apart(r, (190, 190, 190), 8, noise=30)),
    "3 x 190, 30 anywhere, 6 sd": (3, lambda r: apart(r, (190, 190, 190), 6, noise=30)),
    "2 x 500, 4 sd": (2, lambda r: apart(r, (500, 500), 4)),
    "2 x 500, 4 sd, d=2": (2, lambda r: apart(r, (500, 500), 4, d=2)),
    "4 x 150, 5 sd, d=2": (4, lambda r: apart(r, (150,) * 4, 5, d=2)),
    "5 x 100, 6 sd": (5, lambda r: apart(r, (100,) * 5, 6)),
    "8 x 60, 7 sd, d=3": (8, lambda r: apart(r, (60,) * 8, 7, d=3)),
    "300/150/50, 6 sd": (3, lambda r: apart(r, (300, 150, 50), 6)),
    "unequal spreads": (3, lambda r: apart(r, (200,) * 3, 8, spreads=(0.6, 1.0, 1.6))),
    "long": (2, lambda r: apart(r, (250, 250), 9, stretch=2.5)),
    "4 x 100, 6 sd, d=10": (4, lambda r: apart(r, (100,) * 4, 6, d=10)),
    "2 x 100, 5 sd": (2, lambda r: apart(r, (100, 100), 5)),
    "6 x 300, 6 sd, rounded": (6, lambda r: np.round(apart(r, (300,) * 6, 6) * 4)),
}


def ours(rows: np.ndarray, seed: int, most: int = _MOST) -> int:
    found: KSelection = select(rows, "None", KRange(1, most), seed=seed)
    return found.k if found.structure else 1


def calinski_harabasz(rows: np.ndarray, seed: int, most: int = _MOST) -> int:
    from sklearn.metrics import calinski_harabasz_score

    return _best(rows, seed, most, calinski_harabasz_score)


def silhouette(rows: np.ndarray, seed: int, most: int = _MOST) -> int:
    from sklearn.metrics import silhouette_score

    return _best(rows, seed, most, partial(silhouette_score, sample_size=2_000, random_state=0))


def hdbscan(rows: np.ndarray, seed: int, most: int = _MOST) -> int:
    from sklearn.cluster import HDBSCAN

    del seed, most
    found = HDBSCAN(min_cluster_size=max(5, len(rows) // 50), copy=True).fit(rows)
    return max(1, int(found.labels_.max()) + 1)


def _best(rows: np.ndarray, seed: int, most: int, score: Callable[..., float]) -> int:
    from sklearn.cluster import KMeans

    scores = {}
    for k in range(2, most + 1):
        labels = KMeans(k, n_init=4, random_state=seed).fit_predict(rows)
        scores[k] = score(rows, labels)
    return max(scores, key=scores.__getitem__)


PEERS = {"CH": calinski_harabasz, "silhouette": silhouette, "HDBSCAN": hdbscan}


def published(folder: Path) -> Iterator[tuple[str, int, np.ndarray]]:
    for path in sorted(folder.glob("*.data.gz")):
        with gzip.open(path) as file:
            rows = np.loadtxt(file, ndmin=2)
        with gzip.open(path.with_name(path.name.replace(".data.", ".labels0."))) as file:
            known = np.unique(np.loadtxt(file, dtype=int))
        yield path.name.split(".")[0], int((known > 0).sum()), rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--only", default="")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--sets", type=Path)
    asked = parser.parse_args()
    methods = {"ours": ours, **(PEERS if asked.peers else {})}
    exact = dict.fromkeys(methods, 0)
    print(f"{'':28}" + "".join(f"{name:>12}" for name in methods) + f"{'s a run':>10}")

    def line(name: str, known: int, sets: list[np.ndarray], wanted: dict) -> None:
        counts, numbers, began = [], [], time.perf_counter()
        for method, find in wanted.items():
            found = [
                find(np.nan_to_num(rows) if method != "ours" else rows, seed)
                for seed, rows in enumerate(sets)
            ]
            if method == "ours":
                seconds, numbers = (time.perf_counter() - began) / len(sets), found
            hits = sum(k == known for k in found)
            exact[method] += hits / len(sets) if known > 1 else 0
            counts.append(f"{hits}/{len(sets)}")
        odd = {k: numbers.count(k) for k in sorted(set(numbers)) if k != known}
        print(
            f"{name:28}" + "".join(f"{c:>12}" for c in counts) + f"{seconds:10.2f}"
            + (f"  {odd}" if odd else ""), flush=True,
        )  # fmt: skip

    for name, make in ABSENT.items():
        if asked.only in f"none: {name}":
            sets = [make(np.random.default_rng([seed, 5])) for seed in range(asked.repeats)]
            line(f"none: {name}", 1, sets, {"ours": ours})
    for name, (k, make) in PRESENT.items():
        if asked.only in f"{k}: {name}":
            sets = [make(np.random.default_rng([seed, 6])) for seed in range(asked.repeats)]
            line(f"{k}: {name}", k, sets, methods)
    if asked.sets is not None:
        for name, k, rows in published(asked.sets):
            wide = {method: partial(find, most=_MOST_PUBLISHED) for method, find in methods.items()}
            line(f"{k}: {name}", k, [rows], wide)
    print(f"{'exact, sets with clusters':28}" + "".join(f"{v:12.2f}" for v in exact.values()))


if __name__ == "__main__":
    main()
