"""From what a report says to one HTML file that needs nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from insights_crds.v1 import ENERGIES as ENERGY_NAMES
from insights_workloads.clustering.profiles import stability_words
from insights_workloads.clustering.result import CriterionCurve
from insights_workloads.disclosure.reader import ReaderContent
from insights_workloads.report import charts
from insights_workloads.report.colors import ENERGIES, cluster_colors
from insights_workloads.report.content import OwnerContent
from insights_workloads.wheel import wheel_positions

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


def render(content: OwnerContent | ReaderContent) -> str:
    """The report as one HTML file: no script, font or picture from anywhere else."""
    return _reader(content) if isinstance(content, ReaderContent) else _owner(content)


def _reader(content: ReaderContent) -> str:
    places = np.array([cluster.place or (0.0, 0.0) for cluster in content.clusters])
    colors = cluster_colors(places)
    shown = [cluster for cluster in content.clusters if cluster.place is not None]
    return _ENVIRONMENT.get_template("reader.html.j2").render(
        content=content,
        group="cluster" if content.structure else "segment",
        colors=colors,
        wheel=_svg(
            charts.density(
                content.density,
                content.view,
                [
                    (cluster.number, cluster.name, *cluster.place, colors[cluster.number])
                    for cluster in shown
                    if cluster.place is not None
                ],
            )
        ),
        bars={
            cluster.number: _svg(charts.difference_bars(content.features, cluster.effects))
            for cluster in shown
        },
    )


def _owner(content: OwnerContent) -> str:
    clustering = content.clustering
    colors = cluster_colors(wheel_positions(content.centers))
    return _ENVIRONMENT.get_template("owner.html.j2").render(
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
        people=_people(content),
    )


def _svg(chart: str) -> Markup:
    """Our own charts are markup; every text in them was escaped where it was put in."""
    return Markup(chart)  # noqa: S704


def _clusters(content: OwnerContent, colors: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {
            "number": number + 1,
            "color": colors[number],
            "profile": profile,
            "stability": None if profile.stability is None else stability_words(profile.stability),
            "typical": content.cluster_members[number].typical,
            "borderline": [
                {"name": name, "other": content.clustering.profiles[other].name}
                for name, other in content.cluster_members[number].borderline
            ],
            "bars": _svg(charts.difference_bars(content.clustering.features, profile.effects)),
        }
        for number, profile in enumerate(content.clustering.profiles)
    ]


def _evidence(content: OwnerContent) -> list[dict[str, Any]]:
    selection = content.clustering.selection

    def shown(curve: CriterionCurve) -> dict[str, Any]:
        return {
            "curve": curve,
            "chart": _svg(
                charts.curve(curve.ks, curve.values, curve.vote, content.clustering.k, curve.name)
            ),
        }

    return [shown(curve) for curve in selection.curves]


def _change(content: OwnerContent) -> dict[str, Any] | None:
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


def _teams(content: OwnerContent) -> dict[str, Any] | None:
    plan = content.teams
    if plan is None:
        return None
    figures = plan.figures
    worst = int(np.argmax(figures.distance))
    return {
        "plan": plan,
        "mixes": any(name in ENERGIES for name in plan.features),
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
                "lacks": [
                    name.lower()
                    for name, gone in zip(
                        ENERGY_NAMES, content.lack.missing[at] if content.lack else (), strict=False
                    )
                    if gone
                ],
                "made_of": _made_of(content, at),
                "distance": float(figures.distance[at]),
                "verdict": _verdict(float(figures.distance[at])),
                "bars": [
                    (ENERGIES[name], float(mean) / max(1e-9, float(figures.means[at].sum())))
                    for name, mean in zip(plan.features, figures.means[at], strict=True)
                    if name in ENERGIES
                ],
                "shares": [
                    (name, float(mean) / max(1e-9, float(figures.means[at].sum())))
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


def _lacks(content: OwnerContent) -> list[dict[str, Any]]:
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


def _attributes(content: OwnerContent) -> list[dict[str, Any]]:
    """For each attribute its values: people, and how many in each cluster and in a team."""
    return [
        {
            "name": table.attribute,
            "rows": [
                {
                    "value": value,
                    "people": int(table.clusters[at].sum()),
                    "clusters": [int(count) for count in table.clusters[at]],
                    "teams": int((table.teams[at] > 0).sum()),
                    "most": int(table.teams[at].max()),
                }
                for at, value in enumerate(table.values)
            ],
        }
        for table in content.attributes
    ]


def _made_of(content: OwnerContent, team: int) -> list[str]:
    """Values of the counted attributes in a team, of its people."""
    return [
        f"{table.attribute}: {', '.join(parts)}"
        for table in content.attributes
        if (
            parts := [
                f"{int(table.teams[at, team])} {value}"
                for at, value in enumerate(table.values)
                if table.teams[at, team]
            ]
        )
    ]


def _exchanges(content: OwnerContent) -> list[dict[str, Any]]:
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


def _people(content: OwnerContent) -> list[dict[str, Any]]:
    if content.teams is None:
        return []
    teams = content.teams.figures.names
    return [{"line": line, "team": teams[line.team]} for line in content.lines]


def _rules(content: OwnerContent) -> list[dict[str, Any]]:
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
