"""The report's pictures, as SVG text. Nothing here knows what a run is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from insights_workloads.disclosure.figures import Bin
from insights_workloads.report.colors import ENERGIES
from insights_workloads.wheel import wheel_positions

__all__ = ["curve", "density", "difference_bars", "strips", "wheel"]

_WHEEL = 260.0
_MOST_POINTS = 2_500
_CELLS = 44


def wheel(
    energies: np.ndarray,
    labels: np.ndarray,
    centers: np.ndarray,
    names: Sequence[str],
    colors: Sequence[str],
) -> str:
    """The four energies as quadrants, people and cluster centres on them.

    People are drawn one by one up to some thousands, and as cells of a grid beyond, each in the
    colour of the cluster that has most people in it.

    Args:
        energies: float64 (n, 4).
        labels: int (n,), clusters.
        centers: float64 (k, 4).
        names: of the clusters.
        colors: of the clusters.
    """
    size = _WHEEL
    spread = max(0.25, float(np.quantile(np.abs(wheel_positions(energies)), 0.995)) * 1.12)
    out = _rim(
        "Cluster wheel: people placed by their four energies, with the centre of each cluster"
    )
    place = wheel_positions(energies) / spread * size
    place[:, 1] *= -1
    far = np.linalg.norm(place, axis=1) / (size * 0.985)
    place /= np.maximum(far, 1.0)[:, None]
    if len(place) <= _MOST_POINTS:
        out += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colors[int(c)]}" '
            'fill-opacity="0.62"/>'
            for (x, y), c in zip(place, labels, strict=True)
        ]
    else:
        out += _cells(place, labels, size, colors)
    for number, (x, y) in enumerate(wheel_positions(centers) / spread * size):
        out.append(_center(number, names[number], x, y, colors[number]))
    return "".join(out) + "</svg>"


def density(
    squares: Sequence[Bin],
    view: float,
    centers: Sequence[tuple[int, str, float, float, str]],
) -> str:
    """The four energies as quadrants, how densely people stand there, and cluster centres.

    Args:
        squares: with x and y from -1 to 1.
        view: distance from the middle to the rim, by which centres are placed.
        centers: number, name, x, y and colour of each.
    """
    size = _WHEEL
    out = _rim("Where people stand by their four energies, in squares of five people and more")
    out.append(f'<clipPath id="rim"><circle r="{size:g}"/></clipPath><g clip-path="url(#rim)">')
    for each in squares:
        edge = each.edge * size
        out.append(
            f'<rect x="{each.x * size - edge / 2:.1f}" y="{-each.y * size - edge / 2:.1f}" '
            f'width="{edge:.1f}" height="{edge:.1f}" class="many" '
            f'fill-opacity="{0.08 + 0.72 * each.shade:.2f}"/>'
        )
    out.append("</g>")
    for number, name, x, y, color in centers:
        far = max(1.0, float(np.hypot(x, y)) / view)
        out.append(_center(number, name, x / view / far * size, y / view / far * size, color))
    return "".join(out) + "</svg>"


def _rim(says: str) -> list[str]:
    """The start of a picture of the wheel: its quadrants and rings."""
    size = _WHEEL
    out = [
        f'<svg class="wheel" viewBox="{-size - 34:g} {-size - 34:g} {2 * size + 68:g} '
        f'{2 * size + 68:g}" role="img" aria-label="{escape(says)}">'
    ]
    corners = (("red", 1, -1), ("yellow", 1, 1), ("green", -1, 1), ("blue", -1, -1))
    for name, x, y in corners:
        sweep = 1 if x * y < 0 else 0
        out.append(
            f'<path d="M0 0 L0 {y * size:g} A{size:g} {size:g} 0 0 {sweep} {x * size:g} 0 Z" '
            f'fill="{ENERGIES[name]}" opacity="0.10"/>'
            f'<text x="{x * size * 0.80:.0f}" y="{y * size * 0.80:.0f}" class="energy" '
            f'fill="{ENERGIES[name]}" text-anchor="middle">{name.title()}</text>'
        )
    out.append(
        f'<circle r="{size:g}" class="rim"/><circle r="{size / 2:g}" class="ring"/>'
        f'<path d="M{-size:g} 0H{size:g}M0 {-size:g}V{size:g}" class="ring"/>'
    )
    return out


def _center(number: int, name: str, x: float, y: float, color: str) -> str:
    return (
        f'<g><title>{escape(name)}</title><circle cx="{x:.1f}" cy="{-y:.1f}" r="15" class="center" '
        f'fill="{color}"/><text x="{x:.1f}" y="{-y + 5:.1f}" '
        f'class="center-number">{number + 1}</text></g>'
    )


def _cells(place: np.ndarray, labels: np.ndarray, size: float, colors: Sequence[str]) -> list[str]:
    edge = 2 * size / _CELLS
    at = np.clip(((place + size) / edge).astype(int), 0, _CELLS - 1)
    cell = at[:, 0] * _CELLS + at[:, 1]
    k = int(labels.max(initial=0)) + 1
    counts = np.bincount(cell * k + labels, minlength=_CELLS * _CELLS * k).reshape(-1, k)
    total = counts.sum(axis=1)
    most = max(1, int(total.max()))
    out = []
    for which in np.flatnonzero(total):
        column, row = divmod(int(which), _CELLS)
        shade = 0.15 + 0.75 * (total[which] / most) ** 0.5
        out.append(
            f'<circle cx="{-size + (column + 0.5) * edge:.1f}" '
            f'cy="{-size + (row + 0.5) * edge:.1f}" r="{edge * 0.46:.1f}" '
            f'fill="{colors[int(counts[which].argmax())]}" fill-opacity="{shade:.2f}"/>'
        )
    return out


def difference_bars(features: Sequence[str], effects: Sequence[float]) -> str:
    """How a cluster differs from everyone: a bar a feature, from the middle to both sides.

    Args:
        features: names.
        effects: differences in standard deviations.
    """
    row, half = 24, 92.0
    reach = max(2.0, *(abs(e) for e in effects))
    height = row * len(features) + 4
    out = [
        f'<svg class="bars" viewBox="0 0 300 {height}" role="img" aria-label="'
        + escape(", ".join(f"{f} {e:+.1f} sd" for f, e in zip(features, effects, strict=True)))
        + '">'
    ]
    for at, (feature, effect) in enumerate(zip(features, effects, strict=True)):
        y = at * row + 4
        length = abs(effect) / reach * half
        x = 170.0 if effect >= 0 else 170.0 - length
        color = ENERGIES.get(feature, "var(--accent)")
        label = escape(feature if len(feature) <= 11 else feature[:10] + "…")
        side = 170 + length + 5 if effect >= 0 else 170 - length - 5
        anchor = "start" if effect >= 0 else "end"
        out.append(
            f'<text x="0" y="{y + 13}" class="label">{label}</text>'
            f'<rect x="{x:.1f}" y="{y}" width="{max(length, 1):.1f}" height="16" rx="2" '
            f'fill="{color}"/><text x="{side:.1f}" y="{y + 13}" class="value" '
            f'text-anchor="{anchor}">{effect:+z.1f}</text>'
        )
    out.append(f'<path d="M170 0V{height}" class="axis"/></svg>')
    return "".join(out)


def curve(
    ks: Sequence[int], values: Sequence[float], vote: int | None, chosen: int, title: str
) -> str:
    """A criterion over numbers of clusters, its vote marked by a ring, the choice by a line."""
    width, height, left, low = 260.0, 130.0, 14.0, 22.0
    values = [v if np.isfinite(v) else 0.0 for v in values]
    bottom, top = min(values), max(values)
    span = (top - bottom) or 1.0

    def x(k: float) -> float:
        return left + (width - 2 * left) * (k - ks[0]) / max(1, ks[-1] - ks[0])

    def y(value: float) -> float:
        return height - low - (height - low - 14) * (value - bottom) / span

    path = " ".join(
        f"{'M' if at == 0 else 'L'}{x(k):.1f} {y(v):.1f}"
        for at, (k, v) in enumerate(zip(ks, values, strict=True))
    )
    ticks = [k for k in ks if len(ks) <= 13 or k % 5 == 0 or k in (ks[0], ks[-1])]
    out = [
        f'<svg class="curve" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}">'
    ]
    if ks[0] <= chosen <= ks[-1]:
        out.append(f'<path d="M{x(chosen):.1f} 6V{height - low:g}" class="chosen"/>')
    out.append(f'<path d="M{left:g} {height - low:g}H{width - left:g}" class="axis"/>')
    out.append(f'<path d="{path}" class="line"/>')
    out += [
        f'<circle cx="{x(k):.1f}" cy="{y(v):.1f}" r="2.4" class="dot"/>'
        for k, v in zip(ks, values, strict=True)
    ]
    if vote is not None and vote in ks:
        out.append(
            f'<circle cx="{x(vote):.1f}" cy="{y(values[list(ks).index(vote)]):.1f}" r="7" '
            'class="vote"/>'
        )
    out += [
        f'<text x="{x(k):.1f}" y="{height - 6:g}" class="tick" text-anchor="middle">{k}</text>'
        for k in ticks
    ]
    return "".join(out) + "</svg>"


def strips(before: np.ndarray, after: np.ndarray, unit: str) -> str:
    """How far teams are from everyone, before and after: a row of dots each, one a team.

    Args:
        before: float64 (g,), for a random split.
        after: float64 (g,), for the teams.
        unit: of both, for the axis.
    """
    width, height, left = 720.0, 150.0, 118.0
    top = max(float(before.max(initial=0)), float(after.max(initial=0)), 1e-9) * 1.05
    random = np.random.default_rng(0)
    out = [
        f'<svg class="strips" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="Distance '
        f"of teams from everyone: random split {float(before.mean()):.2f}, these teams "
        f'{float(after.mean()):.2f}, {escape(unit)}">'
    ]
    rows = (("Random split", before, 36.0, "before"), ("These teams", after, 92.0, "after"))
    for name, values, y, style in rows:
        shown = values
        if len(values) > 800:
            shown = np.quantile(values, np.linspace(0, 1, 800))
        jitter = random.uniform(-15, 15, len(shown))
        out.append(f'<text x="0" y="{y + 5:g}" class="label">{name}</text>')
        out += [
            f'<circle cx="{left + (width - left - 10) * v / top:.1f}" cy="{y + j:.1f}" r="3.2" '
            f'class="{style}"/>'
            for v, j in zip(shown, jitter, strict=True)
        ]
        mean = left + (width - left - 10) * float(values.mean()) / top
        out.append(f'<path d="M{mean:.1f} {y - 20:g}V{y + 20:g}" class="mean"/>')
    out.append(f'<path d="M{left:g} 122H{width:g}" class="axis"/>')
    for tick in np.linspace(0, top, 6):
        at = left + (width - left - 10) * tick / top
        out.append(
            f'<text x="{at:.1f}" y="137" class="tick" text-anchor="middle">{tick:.2f}</text>'
        )
    out.append(f'<text x="{width:g}" y="149" class="tick" text-anchor="end">{escape(unit)}</text>')
    return "".join(out) + "</svg>"
