"""Pictures of dashboards without a Grafana: the same grid, queries, units, colours and words.

What is drawn is what Prometheus answers to the panels' own queries; a panel without an answer shows
its own word for that.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from tests.observability.prometheus import Prometheus, substituted

__all__ = ["draw", "shown"]

_BACK, _PANEL, _INK, _FAINT, _GRID = "#111217", "#1b1e24", "#d8d9da", "#9fa4ad", "#2c3038"
_CYCLE = (
    "#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2", "#999999",
)  # fmt: skip
_UNIT = 0.36
_MOST_LINES = 6
_MOST_ROWS = 8


def draw(board: dict, prometheus: Prometheus, picture: Path, run: str) -> None:
    """Draw a dashboard into a PNG file, with a run chosen where it shows one."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            target["expr"] = substituted(target["expr"], run)
    bottom = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
    width, height = 18.0, bottom * _UNIT + 0.7
    figure = plt.figure(figsize=(width, height), facecolor=_BACK)
    figure.text(0.008, 1 - 0.35 / height, board["title"], color=_INK, size=15, weight="bold")
    for panel in board["panels"]:
        at = panel["gridPos"]
        x, w = at["x"] / 24, at["w"] / 24
        y = 1 - (0.6 + (at["y"] + at["h"]) * _UNIT) / height
        h = at["h"] * _UNIT / height
        box = figure.add_axes((x + 0.003, y + 0.04 / height, w - 0.006, h - 0.08 / height))
        box.set_xticks([])
        box.set_yticks([])
        for side in box.spines.values():
            side.set_visible(False)
        if panel["type"] == "row":
            box.set_facecolor(_BACK)
            box.text(0.004, 0.4, panel["title"], color=_INK, size=11, va="center", weight="bold")
            continue
        box.set_facecolor(_PANEL)
        inch = 1 / (h * height)
        box.text(
            0.1 / (w * width), 1 - 0.08 * inch, panel["title"], color=_INK, size=9.5, va="top",
            weight="bold", transform=box.transAxes,
        )  # fmt: skip
        _DRAW[panel["type"]](figure, box, panel, prometheus)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=80, facecolor=_BACK)
    plt.close(figure)


def _stat(_figure: Any, box: Axes, panel: dict, prometheus: Prometheus) -> None:
    target = panel["targets"][0]
    found = prometheus.instant(target["expr"])
    if not found:
        _nothing(box, panel)
        return
    defaults = panel["fieldConfig"]["defaults"]
    value = float(found[0]["value"][1])
    if panel["options"]["textMode"] == "name":
        text = _legend(target["legendFormat"], found[0]["metric"])
        if len(found) > 1:
            text += f"  +{len(found) - 1}"
    else:
        text = shown(value, defaults.get("unit", "short"), defaults.get("decimals"))
        for each in defaults.get("mappings", ()):
            text = each["options"].get(str(int(value)), {"text": text})["text"]
    colour = _INK
    for step in defaults["thresholds"]["steps"]:
        if step.get("value") is None or value >= step["value"]:
            colour = step["color"]
    size = 24 if len(text) < 10 else 15
    box.text(
        0.5, 0.42, text, color=_bright(colour), size=size, ha="center", va="center",
        weight="bold", transform=box.transAxes,
    )  # fmt: skip


def _lines(figure: Any, box: Axes, panel: dict, prometheus: Prometheus) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    fixed = {
        each["matcher"]["options"]: each["properties"][0]["value"]["fixedColor"]
        for each in panel["fieldConfig"].get("overrides", ())
    }
    known: list[tuple[str, list[datetime], list[float]]] = []
    for target in panel["targets"]:
        for one in prometheus.over_time(target["expr"], 2):
            times = [datetime.fromtimestamp(t, UTC) for t, _ in one["values"]]
            values = [float(v) for _, v in one["values"]]
            if any(not isnan(v) for v in values):
                known.append((_legend(target["legendFormat"], one["metric"]), times, values))
    if not known:
        _nothing(box, panel)
        return
    place = box.get_position()
    inches = figure.get_size_inches()
    listed = min(_MOST_LINES, len(known))
    low = (0.3 + 0.17 * ((listed + 1) // 2)) / inches[1]
    axes = figure.add_axes(
        (place.x0 + 0.55 / inches[0], place.y0 + low, place.width - 0.7 / inches[0],
         place.height - low - 0.35 / inches[1])
    )  # fmt: skip
    axes.set_facecolor(_PANEL)
    custom = defaults.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    held = custom.get("lineInterpolation") == "stepAfter"
    colours = {}
    for name, _, _ in known:
        colours.setdefault(name, fixed.get(name) or _CYCLE[len(colours) % len(_CYCLE)])
    if stacked:
        _stack(axes, known, colours, held)
    else:
        for name, times, values in known:
            style = {"drawstyle": "steps-post"} if held else {}
            axes.plot(times, values, color=_bright(colours[name]), lw=1.6, **style)
            if len(values) < 4:
                axes.plot(times, values, ".", color=_bright(colours[name]))
    for step in defaults["thresholds"]["steps"]:
        if step.get("value") is not None and "thresholdsStyle" in custom:
            axes.axhline(step["value"], color=_bright(step["color"]), ls="--", lw=1)
    if defaults.get("min") is not None:
        axes.set_ylim(defaults["min"], axes.get_ylim()[1] * 1.05)
    if defaults.get("max") is not None:
        axes.set_ylim(top=defaults["max"] * 1.02)
    elif axes.get_ylim()[1] <= axes.get_ylim()[0] + 1e-9:
        axes.set_ylim(top=axes.get_ylim()[0] + 1)
    unit, places = defaults.get("unit", "short"), defaults.get("decimals")
    axes.yaxis.set_major_formatter(lambda v, _: shown(v, unit))
    # One time for all panels, so that they can be read one below the other.
    axes.set_xlim(*(datetime.fromtimestamp(t, UTC) for t in (prometheus.began, prometheus.now())))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
    axes.xaxis.set_major_locator(mdates.MinuteLocator())
    axes.locator_params(axis="y", nbins=5)
    axes.tick_params(colors=_FAINT, labelsize=7, length=0)
    axes.grid(color=_GRID, lw=0.6)
    for side in axes.spines.values():
        side.set_visible(False)
    last = {name: next(v for v in reversed(values) if not isnan(v)) for name, _, values in known}
    for number, (name, colour) in enumerate(list(colours.items())[:_MOST_LINES]):
        x = place.x0 + (0.15 / inches[0]) + (number % 2) * place.width / 2
        y = place.y0 + (0.06 + 0.17 * ((listed + 1) // 2 - 1 - number // 2)) / inches[1]
        figure.text(x, y, "\u25ac", color=_bright(colour), size=9)
        label = f"{name or panel['title'].lower()}  {shown(last[name], unit, places)}"
        figure.text(x + 0.2 / inches[0], y, label[:60], color=_FAINT, size=7.5)
    if len(colours) > _MOST_LINES:
        more = f"+ {len(colours) - _MOST_LINES} more"
        figure.text(
            place.x0 + place.width - 0.75 / inches[0], place.y0 + place.height - 0.2 / inches[1],
            more, color=_FAINT, size=7,
        )  # fmt: skip


def _stack(axes: Axes, known: list, colours: dict[str, str], held: bool) -> None:
    moments = sorted({t for _, times, _ in known for t in times})
    by_name: dict[str, dict[datetime, float]] = {}
    for name, times, values in known:
        by_name.setdefault(name, {}).update(
            {t: 0.0 if isnan(v) else v for t, v in zip(times, values, strict=True)}
        )
    heights = [[by_name[n].get(t, 0.0) for t in moments] for n in by_name]
    axes.stackplot(
        moments, heights, colors=[_bright(colours[n]) for n in by_name], alpha=0.75,
        step="post" if held else None,
    )  # fmt: skip


def _bars(figure: Any, box: Axes, panel: dict, prometheus: Prometheus) -> None:
    target = panel["targets"][0]
    found = prometheus.instant(target["expr"])
    if not found:
        _nothing(box, panel)
        return
    place = box.get_position()
    axes = figure.add_axes(
        (place.x0 + 0.4 * place.width, place.y0 + 0.08 * place.height, 0.5 * place.width,
         0.76 * place.height)
    )  # fmt: skip
    axes.set_facecolor(_PANEL)
    defaults = panel["fieldConfig"]["defaults"]
    names = [_legend(target["legendFormat"], each["metric"]) for each in found]
    values = [float(each["value"][1]) for each in found]
    colour = _bright(defaults["thresholds"]["steps"][0]["color"])
    axes.barh(names, values, color=colour, height=0.5)
    axes.set_ylim(max(3, len(names)) - 0.5, -0.5)
    unit, places = defaults.get("unit", "short"), defaults.get("decimals")
    for at, value in enumerate(values):
        text = f" {shown(value, unit, places)}"
        axes.text(value, at, text, color=_INK, size=8, va="center")
    axes.tick_params(colors=_INK, labelsize=8, length=0)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _table(_figure: Any, box: Axes, panel: dict, prometheus: Prometheus) -> None:
    columns, rows = _merged(panel, prometheus)
    if not rows:
        _nothing(box, panel)
        return
    widths = [max(len(c), *(len(r[i]) for r in rows)) + 2 for i, c in enumerate(columns)]
    total = sum(widths)
    high = panel["gridPos"]["h"] * _UNIT
    for line, cells in enumerate([columns, *rows[: int((high - 0.5) / 0.27)]]):
        x = 0.1
        for cell, width in zip(cells, widths, strict=True):
            box.text(
                0.015 + 0.97 * (x / (total + 0.1)), 1 - (0.55 + 0.27 * line) / high, cell,
                color=_FAINT if line == 0 else _INK, size=8, va="center",
                weight="bold" if line == 0 else "normal", transform=box.transAxes,
            )  # fmt: skip
            x += width


def _merged(panel: dict, prometheus: Prometheus) -> tuple[list[str], list[list[str]]]:
    """Columns and rows as Grafana's merge and organize make them."""
    organize = next(t for t in panel["transformations"] if t["id"] == "organize")["options"]
    units = {
        each["matcher"]["options"]: prop["value"]
        for each in panel["fieldConfig"].get("overrides", ())
        for prop in each["properties"]
        if prop["id"] == "unit"
    }
    merged: dict[tuple, dict[str, str]] = {}
    single = len(panel["targets"]) == 1
    for target in panel["targets"]:
        value_column = "Value" if single else f"Value #{target['refId']}"
        for one in prometheus.instant(target["expr"]):
            labels = {k: v for k, v in one["metric"].items() if k != "__name__"}
            # Rows merge where the labels that both have agree.
            match = next(
                (r for r in merged.values() if all(r.get(k, v) == v for k, v in labels.items())),
                None,
            )
            if match is None:
                match = merged.setdefault(tuple(sorted(labels.items())), {})
            match.update(labels)
            title = organize["renameByName"].get(value_column, value_column)
            match[value_column] = shown(float(one["value"][1]), units.get(title, "short"))
    order = sorted(organize["indexByName"], key=organize["indexByName"].get)
    used = [c for c in order if not organize["excludeByName"].get(c)]
    rows = [[row.get(c, "") for c in used] for row in merged.values()]
    keep = [i for i in range(len(used)) if any(row[i] for row in rows)]
    titles = [organize["renameByName"].get(used[i], used[i]) for i in keep]
    return titles, [[row[i] for i in keep] for row in rows]


def _nothing(box: Axes, panel: dict) -> None:
    box.text(
        0.5, 0.42, panel["fieldConfig"]["defaults"]["noValue"], color=_FAINT, size=9,
        ha="center", va="center", transform=box.transAxes, wrap=True,
    )  # fmt: skip


def _legend(pattern: str, labels: dict[str, str]) -> str:
    if pattern == "__auto":
        return ", ".join(v for k, v in labels.items() if k not in ("__name__", "environment"))
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), pattern).strip()


def _bright(colour: str) -> str:
    # The palette's blue is dark on a dark ground.
    return {"#0072B2": "#3d9be0", "#666666": "#8a8a8a"}.get(colour, colour)


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """A value in one of Grafana's units."""
    if isnan(value):
        return "-"
    if unit == "dateTimeFromNow":
        left = value / 1000 - time.time()
        return f"in {_duration(left)}" if left > 0 else f"{_duration(-left)} ago"
    if unit == "s":
        return _duration(value)
    if unit == "percentunit":
        return f"{100 * value:.{1 if decimals is None else decimals}f}%"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit in ("ops", "reqps"):
        return f"{value:.3g}/s"
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} Mil"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1e4 else f"{value:.3g}"


def _duration(seconds: float) -> str:
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    if seconds < 1:
        return f"{sign}{1000 * seconds:.0f} ms"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{sign}{seconds / size:.1f} {unit}"
    return f"{sign}{seconds:.1f} s"


_DRAW = {"stat": _stat, "timeseries": _lines, "bargauge": _bars, "table": _table}
