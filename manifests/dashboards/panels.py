"""Panels as this project wants them: each says what it shows, in which unit, and what no data means.

A thin layer over the Grafana Foundation SDK. Colours are those of Okabe and Ito, which people who
see colours differently can tell apart; none means something without a word or a number beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "RED", "SKY", "STATES", "YELLOW", "Query", "bars",
    "figure", "rows", "series",
]  # fmt: skip

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GREY = "#CC79A7", "#56B4E9", "#F0E442", "#999999"
STATES = {
    "New": GREY, "Invalid": PURPLE, "Suspended": "#666666", "WaitingForSlot": YELLOW,
    "Queued": YELLOW, "Starting": SKY, "Running": BLUE, "Backoff": ORANGE, "Waiting": ORANGE,
    "Published": GREEN, "Failed": RED,
}  # fmt: skip
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${source}")

Steps = Sequence[tuple[float | None, str]]


@dataclass(frozen=True)
class Query:
    """A question to Prometheus.

    Attributes:
        expr: in PromQL.
        legend: name of each series of the answer, with `{{label}}`s.
    """

    expr: str
    legend: str = ""


def series(
    title: str,
    says: str,
    queries: Sequence[Query],
    *,
    unit: str = "short",
    empty: str,
    width: int = 12,
    height: int = 8,
    steps: Steps = (),
    stacked: bool = False,
    low: float | None = 0,
    high: float | None = None,
    colours: Mapping[str, str] | None = None,
    held: bool = False,
    decimals: int | None = None,
) -> lines.Panel:
    """Lines over time.

    Args:
        title: of the panel.
        says: what it shows, and what to make of it.
        queries: one or more.
        unit: of Grafana's list.
        empty: what it means that there is no data.
        width: of 24.
        height: in rows of the grid.
        steps: lower bounds of ranges with their colours, drawn as lines.
        stacked: whether series add up to something.
        low: where the axis begins.
        high: where the axis ends.
        colours: of series by their names.
        held: whether a value holds until the next one.
        decimals: places after the point.
    """
    panel = lines.Panel()
    if decimals is not None:
        panel.decimals(decimals)
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    panel.line_width(2).fill_opacity(35 if stacked else 6).show_points(kinds.VisibilityMode.NEVER)
    if held:
        panel.line_interpolation(kinds.LineInterpolation.STEP_AFTER)
    if stacked:
        panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(kinds.LegendDisplayMode.TABLE)
        .placement(kinds.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    )
    panel.tooltip(
        common.VizTooltipOptions()
        .mode(kinds.TooltipDisplayMode.MULTI)
        .sort(kinds.SortOrder.DESCENDING)
    )
    if steps:
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(kinds.GraphTresholdsStyleMode.DASHED)
        )
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_colour(colour)])
    return _finished(panel, title, says, queries, unit, empty, width, height, steps)


def figure(
    title: str,
    says: str,
    query: Query,
    *,
    unit: str = "short",
    empty: str,
    width: int = 4,
    height: int = 4,
    steps: Steps = ((None, BLUE),),
    decimals: int | None = None,
    text: bool = False,
    words: Mapping[int, str] | None = None,
) -> stat.Panel:
    """One number, or a word: the legend's where `text`, that of a value in `words`."""
    panel = stat.Panel().color_mode(kinds.BigValueColorMode.VALUE)
    panel.graph_mode(kinds.BigValueGraphMode.NONE)
    panel.text_mode(kinds.BigValueTextMode.NAME if text else kinds.BigValueTextMode.VALUE)
    if words:
        shown = {str(at): models.ValueMappingResult(text=word) for at, word in words.items()}
        panel.mappings([models.ValueMap(options=shown)])
    if decimals is not None:
        panel.decimals(decimals)
    return _finished(panel, title, says, [query], unit, empty, width, height, steps, True)


def bars(
    title: str,
    says: str,
    query: Query,
    *,
    unit: str = "short",
    empty: str,
    width: int = 12,
    height: int = 8,
    steps: Steps = ((None, BLUE),),
    decimals: int = 0,
) -> bargauge.Panel:
    """A bar a series, as it is now."""
    panel = bargauge.Panel().orientation(kinds.VizOrientation.HORIZONTAL)
    panel.display_mode(kinds.BarGaugeDisplayMode.BASIC).min(0).decimals(decimals)
    return _finished(panel, title, says, [query], unit, empty, width, height, steps, True)


def rows(
    title: str,
    says: str,
    queries: Mapping[str, Query],
    *,
    empty: str,
    names: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    width: int = 24,
    height: int = 8,
) -> table.Panel:
    """A table, a row a series: labels are columns, and each query's value is one more.

    Args:
        title: of the panel.
        says: what it shows.
        queries: by the title of the column of their value; "" for one that only has labels.
        empty: what it means that there is no data.
        names: titles of the columns that are labels, in their order.
        units: of columns, by their titles.
        links: of columns to another page, by their titles.
        width: of 24.
        height: in rows of the grid.
    """
    panel = table.Panel().cell_height(kinds.TableCellHeight.SM)
    letters = dict(zip("ABCDEFGH", queries, strict=False))
    panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    order = {label: at for at, label in enumerate(names)}
    renamed = dict(names)
    hidden = {"Time": True}
    for letter, column in letters.items():
        value = "Value" if len(letters) == 1 else f"Value #{letter}"
        if column:
            renamed[value] = column
            order[value] = len(order)
        else:
            hidden[value] = True
    order["environment"] = len(order)
    panel.with_transformation(
        models.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": hidden, "indexByName": order, "renameByName": renamed},
        )
    )
    for column, unit in (units or {}).items():
        panel.override_by_name(column, [models.DynamicConfigValue(id_val="unit", value=unit)])
    for column, url in (links or {}).items():
        link = {"title": f"Open {column}", "url": url}
        panel.override_by_name(column, [models.DynamicConfigValue(id_val="links", value=[link])])
    return _finished(
        panel, title, says, list(queries.values()), "short", empty, width, height, (), True, True
    )


def _finished(
    panel, title, says, queries, unit, empty, width, height, steps, instant=False, table_=False
):
    panel.title(title).description(says).unit(unit).no_value(empty).datasource(SOURCE)
    panel.span(width).height(height)
    steps = tuple(steps) or ((None, BLUE),)
    panel.thresholds(
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=colour) for value, colour in steps])
    )
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(SOURCE)
        target.legend_format(query.legend or "__auto")
        if instant:
            target.instant()
        else:
            target.range()
        if table_:
            target.format(PromQueryFormat.TABLE)
        panel.with_target(target)
    return panel


def _colour(colour: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
