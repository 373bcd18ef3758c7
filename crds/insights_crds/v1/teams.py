"""`spec.teams`: what teams to form, what makes them good, and the rules they obey.

Rules stand here, people do not: whoever must stay together, apart or where they are is told by
columns of the roster, since git and etcd cannot forget a person.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from insights_crds.model import Model, Rule
from insights_crds.v1.scalars import FieldName, Fraction, ObjectName, Weight

__all__ = [
    "AttributeBound",
    "Column",
    "Constraint",
    "History",
    "KeepApart",
    "LoneMinority",
    "NumericRange",
    "Objective",
    "PublishedTeams",
    "Stability",
    "TeamSize",
    "TeamType",
    "Teams",
    "TradeOffs",
]

_Value = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_TypeName = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]


class TeamSize(Model):
    """How many people a team may have."""

    min: Annotated[int, Field(ge=1, le=100_000)]
    """Fewest people."""
    max: Annotated[int, Field(ge=1, le=100_000)]
    """Most people."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.min <= self.max", lambda s: s.min <= s.max, "min must not be above max"),
    )


class TeamType(Model):
    """One kind of team where a run forms several: task forces beside squads, say."""

    name: _TypeName
    """Name of the type; its teams are called `<name>-1`, `<name>-2` and so on."""
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of teams. The one type without a count takes everyone who is left."""
    size: TeamSize
    """How many people such a team may have."""


class Objective(Model):
    """One thing that good teams have."""

    kind: Literal["KPlus", "Diversity", "Variance", "SkillSum"]
    """`KPlus`: every team has everyone's mean and spread. `Diversity`: people within a team
    differ as much as possible, by mean distance. `Variance`: every team has
    everyone's mean. `SkillSum`: the sum of each feature is the same in every team."""
    weight: Weight = 1.0
    """Weight against the other objectives."""
    features: Annotated[list[FieldName], Field(max_length=64)] = []
    """Features it looks at; those of `clustering` where left out."""

    set_lists: ClassVar[frozenset[str]] = frozenset({"features"})


class Column(Model):
    """A rule that needs nothing but an attribute of the roster."""

    attribute: FieldName
    """Attribute of the source. Empty values stand outside the rule."""


class KeepApart(Model):
    """People with the same value of an attribute are spread over teams."""

    attribute: FieldName
    """Attribute whose equal values form a group. Empty values stand outside the rule."""
    max_together: Annotated[int, Field(ge=1, le=1000)] = 1
    """Most people of a group in one team."""


class AttributeBound(Model):
    """A bound on how many people of a team have some value of an attribute."""

    attribute: FieldName
    """Attribute of the source."""
    values: Annotated[list[_Value], Field(min_length=1, max_length=64)]
    """Values that count, any of them."""
    count: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """The bound as a number of people."""
    share: Fraction | None = None
    """The bound as a share of the team, 0 to 1. At least rounds up, at most rounds down."""

    set_lists: ClassVar[frozenset[str]] = frozenset({"values"})
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.count) != has(self.share)",
            lambda b: (b.count is None) != (b.share is None),
            "exactly one of count and share must be set",
        ),
    )


class LoneMinority(Model):
    """Nobody is the only one of their kind in a team: none, or two and more."""

    attribute: FieldName
    """Attribute of the source. Empty values are undisclosed and no minority."""
    values: Annotated[list[_Value], Field(max_length=64)] = []
    """Values that are protected; every value but the commonest where left out."""

    set_lists: ClassVar[frozenset[str]] = frozenset({"values"})


class NumericRange(Model):
    """A range for the sum or the mean of a number over a team."""

    field: FieldName
    """Feature, or attribute of type Number. A missing value counts as the mean of everyone."""
    aggregate: Literal["Sum", "Mean"]
    """What is held in the range."""
    min: float | None = None
    """Smallest allowed."""
    max: float | None = None
    """Largest allowed."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.min) || has(self.max)",
            lambda r: r.min is not None or r.max is not None,
            "min or max must be set",
        ),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            lambda r: r.min is None or r.max is None or r.min <= r.max,
            "min must not be above max",
        ),
    )


class Constraint(Model):
    """A rule that teams obey, named so that a refusal can name it."""

    name: _TypeName
    """Name of the rule, as it stands in messages and reports. Never a person's name."""
    weight: Weight | None = None
    """Left out: the rule is hard. Set: it is soft, and breaking it costs so much."""
    types: Annotated[list[_TypeName], Field(max_length=20)] = []
    """Team types it holds for; all where left out."""
    keep_together: Column | None = None
    """People with the same value are in the same team (transitive over such rules)."""
    keep_apart: KeepApart | None = None
    """People with the same value are in different teams."""
    at_least: AttributeBound | None = None
    """Every team has at least so many."""
    at_most: AttributeBound | None = None
    """Every team has at most so many."""
    no_lone_minority: LoneMinority | None = None
    """Nobody is the only one of their kind."""
    range: NumericRange | None = None
    """The sum or mean of a number stays in a range."""
    locked_people: Column | None = None
    """People stay in the team that the attribute names."""
    locked_teams: Column | None = None
    """Teams that the attribute names keep exactly the people who bear their name."""
    eligible: Column | None = None
    """People may only be in teams of the types or names listed in the attribute, by `|`."""

    set_lists: ClassVar[frozenset[str]] = frozenset({"types"})
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.keepTogether), has(self.keepApart), has(self.atLeast), has(self.atMost), "
            "has(self.noLoneMinority), has(self.range), has(self.lockedPeople), "
            "has(self.lockedTeams), has(self.eligible)].filter(x, x).size() == 1",
            lambda c: (
                sum(
                    part is not None
                    for part in (
                        c.keep_together,
                        c.keep_apart,
                        c.at_least,
                        c.at_most,
                        c.no_lone_minority,
                        c.range,
                        c.locked_people,
                        c.locked_teams,
                        c.eligible,
                    )
                )
                == 1
            ),
            "exactly one of keepTogether, keepApart, atLeast, atMost, noLoneMinority, range, "
            "lockedPeople, lockedTeams and eligible must be set",
        ),
        Rule(
            "!has(self.weight) || !(has(self.lockedPeople) || has(self.lockedTeams))",
            lambda c: c.weight is None or (c.locked_people is None and c.locked_teams is None),
            "locks are hard: weight must not be set with lockedPeople or lockedTeams",
        ),
    )


class Stability(Model):
    """How far new teams may differ from the current ones."""

    attribute: FieldName | None = None
    """Attribute that names each person's current team. Empty for people who join. Left out where
    `current` says which teams are the current ones."""
    max_moves: Annotated[int, Field(ge=0, le=100_000_000)] | None = None
    """Most people who may change teams, after the best matching of old and new teams."""
    move_price: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    """What a move costs against the objective."""


class PublishedTeams(Model):
    """Teams that a run has published."""

    run: ObjectName
    """Name of a run of the same namespace; it may be this one. Its last published teams are meant;
    while it has published none, there are no current teams."""


class History(Model):
    """Former team-mates, whom people would rather not have again."""

    attributes: Annotated[list[FieldName], Field(min_length=1, max_length=20)]
    """Attributes that name each person's former teams, one a round of teams."""
    weight: Weight = 1.0
    """What each person of a former team costs, beyond the first one in a team."""

    set_lists: ClassVar[frozenset[str]] = frozenset({"attributes"})


class TradeOffs(Model):
    """A set of plans to choose from where there are several objectives."""

    plans: Annotated[int, Field(ge=2, le=9)] = 5
    """Plans to look for, each with its part of the work. Those that another one beats in every
    objective are left out; the rest is numbered from 1 in `status.summary.tradeOffs` and the
    report, the best by the first objective first."""
    choose: Annotated[int, Field(ge=1, le=9)] | None = None
    """Number of the plan to take, the last one where there are fewer. Left out: the plan that is
    best by the weights of the objectives."""


class Teams(Model):
    """Balanced teams: the maximally diverse grouping problem with side constraints."""

    size: TeamSize | None = None
    """How many people each team may have."""
    count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many teams."""
    types: Annotated[list[TeamType], Field(max_length=20)] = []
    """Several kinds of team in one run, instead of `size` and `count`."""
    objectives: Annotated[list[Objective], Field(min_length=1, max_length=4)] = [
        Objective(kind="KPlus")
    ]
    """What good teams have."""
    trade_offs: TradeOffs | None = None
    """Where set, several plans of which none is better in every objective are looked for."""
    worst_team_weight: Fraction = 0.25
    """Share of the objective, 0 to 1, that looks at the worst team instead of all."""
    constraints: Annotated[list[Constraint], Field(max_length=50)] = []
    """Rules that the teams obey."""
    current: PublishedTeams | None = None
    """Teams that are the current ones, instead of an attribute of the roster. People who are not in
    them join. Without `types`, teams keep their names."""
    stability: Stability | None = None
    """How far new teams may differ from the current ones."""
    history: History | None = None
    """Former team-mates, whom people would rather not have again."""
    rounds: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Work to spend on the search; chosen by the size of the problem where left out."""
    time_limit_seconds: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """A limit on wall time. Where it ends the search the result is marked not reproducible."""
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] = 0
    """Seed of every random choice. Same seed and input, same teams."""

    list_maps: ClassVar[dict[str, str]] = {
        "types": "name",
        "objectives": "kind",
        "constraints": "name",
    }
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.size) || has(self.count) || (has(self.types) && self.types.size() > 0)",
            lambda t: t.size is not None or t.count is not None or bool(t.types),
            "size, count or types must be set",
        ),
        Rule(
            "!has(self.types) || self.types.size() == 0 || !(has(self.size) || has(self.count))",
            lambda t: not t.types or (t.size is None and t.count is None),
            "types must not be set together with size or count",
        ),
        Rule(
            "!has(self.stability) || has(self.current) != has(self.stability.attribute)",
            lambda t: t.stability is None or (t.current is None) != (t.stability.attribute is None),
            "current teams come from exactly one of current and stability.attribute",
        ),
        Rule(
            "!has(self.tradeOffs) || (has(self.objectives) && self.objectives.size() >= 2)",
            lambda t: t.trade_offs is None or len(t.objectives) >= 2,
            "tradeOffs needs two objectives or more",
        ),
        Rule(
            "!has(self.types) || self.types.filter(t, !has(t.count)).size() <= 1",
            lambda t: sum(kind.count is None for kind in t.types) <= 1,
            "at most one type may leave out its count",
        ),
    )
