"""From what a report says to one HTML file that needs nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from insights_crds.v1 import ENERGIES as ENERGY_NAMES
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


_CHEAPEST = 5
"""Exchanges that are listed as what could be tried."""
_NEAR = 0.1
"""Distance up to which a team is as good as everyone: less than a questionnaire can tell."""


def _verdict(distance: float) -> str:
    """A word for how like everyone a team is."""
    return "like everyone" if distance <= _NEAR else "close" if distance <= 3 * _NEAR else "apart"


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
        attributes=_attributes(content),
        lacks=_lacks(content),
        exchanges=_exchanges(content),
        names=content.owner,
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
            "shown": bool(content.shown_clusters[number]),
            "typical": content.cluster_members[number].typical,
            "borderline": [
                {"name": name, "other": content.clustering.profiles[other].name}
                for name, other in content.cluster_members[number].borderline
            ],
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
    seen = content.shown_teams
    # The figures of a team that is too small to be told about are left out of extremes too.
    some = seen if seen.any() else np.ones(len(seen), dtype=bool)
    worst = int(np.argmax(np.where(some, figures.distance, -1.0)))
    return {
        "plan": plan,
        "count": len(figures.names),
        "sizes": _range(int(figures.sizes.min()), int(figures.sizes.max())),
        "worst": figures.names[worst],
        "worst_distance": float(figures.distance[worst]),
        "mean_before": float(content.before.mean()),
        "mean_after": float(figures.distance.mean()),
        "least_variety": float(figures.variety[some].min()),
        "most_variety": float(figures.variety[some].max()),
        "any_shown": bool(seen.any()),
        "strips": _svg(
            charts.strips(
                content.before[some], figures.distance[some], "distance in standard deviations"
            )
        ),
        "rows": [
            {
                "name": figures.names[at],
                "type": figures.types[at],
                "size": int(figures.sizes[at]),
                "shown": bool(seen[at]),
                "means": [float(mean) for mean in figures.means[at]],
                "lacks": [
                    name.lower()
                    for name, gone in zip(
                        ENERGY_NAMES, content.lack.missing[at] if content.lack else (), strict=False
                    )
                    if gone and content.owner
                ],
                "made_of": _made_of(content, at),
                "distance": float(figures.distance[at]),
                "verdict": _verdict(float(figures.distance[at])),
                "bars": [
                    (ENERGIES[name], float(mean) / max(1e-9, float(figures.means[at].sum())))
                    for name, mean in zip(plan.features, figures.means[at], strict=True)
                    if name in ENERGIES
                ],
                "variety": float(figures.variety[at]),
                "members": content.members.get(at, ()),
                "binding": content.binding[at] if content.binding else (),
            }
            for at in content.listed_teams
        ],
    }


def _lacks(content: ReportContent) -> list[dict[str, Any]]:
    """For each energy the teams that lack it, and those whom somebody led by it would complete."""
    lack = content.lack
    if lack is None:
        return []
    return [
        {
            "energy": name,
            "teams": int(lack.missing[:, at].sum()),
            "closes": int(lack.closes[at]),
        }
        for at, name in enumerate(ENERGY_NAMES)
    ]


def _attributes(content: ReportContent) -> list[dict[str, Any]]:
    """For each attribute its values: people, and how many in each cluster and in a team."""
    return [
        {
            "name": table.attribute,
            "rows": [
                {
                    "value": value if table.clusters_shown[at].any() else None,
                    "people": int(table.clusters[at].sum()),
                    "clusters": [
                        int(count) if may else None
                        for count, may in zip(
                            table.clusters[at], table.clusters_shown[at], strict=True
                        )
                    ],
                    "teams": int((table.teams[at] > 0).sum())
                    if table.teams_shown[at].all()
                    else None,
                    "most": int(table.teams[at].max()) if table.teams_shown[at].all() else None,
                }
                for at, value in enumerate(table.values)
            ],
        }
        for table in content.attributes
    ]


def _made_of(content: ReportContent, team: int) -> list[str]:
    """Values of the counted attributes in a team, as far as this reader may see them."""
    return [
        f"{table.attribute}: {', '.join(parts)}"
        for table in content.attributes
        if (
            parts := [
                f"{int(table.teams[at, team])} {value}"
                for at, value in enumerate(table.values)
                if table.teams_shown[at, team] and table.teams[at, team]
            ]
        )
    ]


def _exchanges(content: ReportContent) -> list[dict[str, Any]]:
    """The exchanges that cost teams least, each pair once."""
    if content.teams is None:
        return []
    teams = content.teams.figures.names
    home = {line.name: teams[line.team] for line in content.lines}
    priced = sorted(
        (line for line in content.lines if line.price is not None and line.partner),
        key=lambda line: (line.price, line.name),
    )
    pairs = {frozenset((line.name, line.partner)): line for line in reversed(priced)}
    cheapest = sorted(pairs.values(), key=lambda line: (line.price or 0.0, line.name))
    return [
        {"line": line, "team": teams[line.team], "other": home[line.partner]}
        for line in cheapest[:_CHEAPEST]
    ]


def _people(content: ReportContent) -> list[dict[str, Any]]:
    if content.teams is None:
        return []
    teams = content.teams.figures.names
    return [{"line": line, "team": teams[line.team]} for line in content.lines]


def _rules(content: ReportContent) -> list[dict[str, Any]]:
    if content.teams is None:
        return []
    broken = {violation.rule: violation for violation in content.teams.violations}
    declared = {name for name, _, _ in content.rules}
    lines = [
        {"name": name, "hard": hard, "says": says, "broken": broken.get(name)}
        for name, hard, says in content.rules
    ]
    lines += [
        {"name": name, "hard": violation.hard, "says": "", "broken": violation}
        for name, violation in broken.items()
        if name not in declared
    ]
    return lines


def _range(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
