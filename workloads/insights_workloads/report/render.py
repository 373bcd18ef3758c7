"""From what a report says to one HTML file that needs nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from insights_workloads.clustering.result import CriterionCurve
from insights_workloads.report import charts
from insights_workloads.report.colors import ENERGIES, cluster_colors
from insights_workloads.report.content import ReportContent

__all__ = ["render"]

_ENVIRONMENT = Environment(
    loader=PackageLoader("insights_workloads.report", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(content: ReportContent) -> str:
    """The report as one HTML file: no script, font or picture from anywhere else."""
    clustering = content.clustering
    colors = cluster_colors(charts.wheel_positions(content.centers))
    return _ENVIRONMENT.get_template("report.html.j2").render(
        content=content,
        group="cluster" if clustering.structure else "segment",
        energies=ENERGIES,
        wheel=_svg(
            charts.wheel(
                content.energies,
                content.labels,
                content.centers,
                [profile.name for profile in clustering.profiles],
                colors,
            )
        ),
        clusters=_clusters(content, colors),
        evidence=_evidence(content),
        change=_change(content),
        teams=_teams(content),
        faults=[
            {"column": column or "(whole row)", "fault": fault, "rows": rows}
            for column, fault, rows in content.faults
        ],
        rules=_rules(content),
        people=_people(content),
    )


def _svg(chart: str) -> Markup:
    """Our own charts are markup; every text in them was escaped where it was put in."""
    return Markup(chart)  # noqa: S704


def _clusters(content: ReportContent, colors: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "number": number + 1,
            "color": colors[number],
            "profile": profile,
            "bars": _svg(charts.difference_bars(content.clustering.features, profile.effects)),
        }
        for number, profile in enumerate(content.clustering.profiles)
    ]


def _evidence(content: ReportContent) -> list[dict[str, Any]]:
    selection = content.clustering.selection
    if selection is None:
        return []

    def shown(curve: CriterionCurve) -> dict[str, Any]:
        return {
            "curve": curve,
            "chart": _svg(
                charts.curve(curve.ks, curve.values, curve.vote, content.clustering.k, curve.name)
            ),
        }

    return [shown(curve) for curve in selection.curves]


def _change(content: ReportContent) -> dict[str, Any] | None:
    change = content.change
    if change is None:
        return None
    profiles = content.clustering.profiles
    matched = dict(change.comparison.matches)
    return {
        "since": change.since,
        "people": change.comparison.people,
        "moved": change.comparison.moved_count,
        "adjusted_rand": change.comparison.adjusted_rand,
        "joined": change.joined,
        "left": change.left,
        "rows": [
            {
                "before": name,
                "now": profiles[matched[number]].name if number in matched else None,
                "number": matched[number] + 1 if number in matched else None,
            }
            for number, name in enumerate(change.names)
        ],
        "new": [
            profile.name
            for number, profile in enumerate(profiles)
            if number not in matched.values()
        ],
    }


def _teams(content: ReportContent) -> dict[str, Any] | None:
    plan = content.teams
    if plan is None:
        return None
    figures = plan.figures
    worst = int(np.argmax(figures.distance))
    return {
        "plan": plan,
        "count": len(figures.names),
        "sizes": _range(int(figures.sizes.min()), int(figures.sizes.max())),
        "worst": figures.names[worst],
        "worst_distance": float(figures.distance[worst]),
        "mean_before": float(content.before.mean()),
        "mean_after": float(figures.distance.mean()),
        "least_variety": float(figures.variety.min()),
        "most_variety": float(figures.variety.max()),
        "strips": _svg(
            charts.strips(content.before, figures.distance, "distance in standard deviations")
        ),
        "rows": [
            {
                "name": figures.names[at],
                "type": figures.types[at],
                "size": int(figures.sizes[at]),
                "means": [float(mean) for mean in figures.means[at]],
                "distance": float(figures.distance[at]),
                "variety": float(figures.variety[at]),
                "members": content.members.get(at, ()),
                "binding": content.binding[at] if content.binding else (),
            }
            for at in content.listed_teams
        ],
    }


def _people(content: ReportContent) -> list[dict[str, Any]]:
    if content.teams is None:
        return []
    teams = content.teams.figures.names
    return [{"line": line, "team": teams[line.team]} for line in content.lines]


def _rules(content: ReportContent) -> list[dict[str, Any]]:
    if content.teams is None:
        return []
    broken = {violation.rule: violation for violation in content.teams.violations}
    declared = dict(content.rules)
    lines = [
        {"name": name, "hard": hard, "broken": broken.get(name)} for name, hard in declared.items()
    ]
    lines += [
        {"name": name, "hard": violation.hard, "broken": violation}
        for name, violation in broken.items()
        if name not in declared
    ]
    return lines


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
