"""What rules for teams mean where two readings are possible: one table, each row kept by a test."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEANINGS", "Meaning"]


@dataclass(frozen=True)
class Meaning:
    """One settled question.

    Attributes:
        name: in snake case; the test that keeps it is called so.
        about: the case.
        text: what happens.
    """

    name: str
    about: str
    text: str


MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        "share_rounds_towards_the_rule",
        "a share that is no whole number of people",
        "At least rounds up, at most rounds down, by the size of each team: 0.3 of 8 is at least 3 "
        "and at most 2; 0.3 of 10 is 3 for both.",
    ),
    Meaning(
        "count_is_the_same_for_every_size",
        "a count where teams have unequal sizes",
        "The same number in every team. A count that a team is too small for is refused.",
    ),
    Meaning(
        "types_limit_a_rule",
        "a rule with `types`",
        "Holds in teams of those types; teams of other types, and people in them, are free of it. "
        "`keepTogether` and locks hold everywhere, whatever types they name.",
    ),
    Meaning(
        "empty_values_stand_outside",
        "an empty value",
        "Its person is in no group, has no value that counts, is kept with and from nobody, is "
        "locked nowhere and may be in any team.",
    ),
    Meaning(
        "undisclosed_is_no_minority",
        "a value that somebody did not disclose",
        "An empty value is no minority: one undisclosed person in a team breaks nothing.",
    ),
    Meaning(
        "missing_numbers_are_the_mean",
        "a missing number",
        "Counts as the mean of everyone who has one, in ranges and in balance.",
    ),
    Meaning(
        "lone_is_exactly_one",
        "`noLoneMinority`",
        "Each value by itself: none in a team, or two and more. Without `values` every value but "
        "the commonest is protected; of several that are equally common, but the first by name.",
    ),
    Meaning(
        "together_is_transitive",
        "`keepTogether` by several rules",
        "Transitive over all hard ones: with A and B together by one rule and B and C by another, "
        "all three are.",
    ),
    Meaning(
        "group_larger_than_a_team",
        "people to keep together who are more than a team takes",
        "Refused where the rule is hard. Where it is soft, those outside the largest part count.",
    ),
    Meaning(
        "apart_group_larger_than_the_teams",
        "people to keep apart who are more than there are teams",
        "Refused, with the `maxTogether` that would do.",
    ),
    Meaning(
        "absent_people_hold_no_place",
        "somebody locked or in a current team who is not in the roster",
        "People stand in the roster alone: who is absent, or whose row was set aside, holds no "
        "place. A locked team is then smaller; a move is not counted.",
    ),
    Meaning(
        "unknown_team_names_take_a_free_team",
        "`lockedPeople` that names a team which is not there",
        "An open team takes that name: one that holds its people and is of a type for them, and "
        "another where other rules ask for it. A team that a rule speaks of by its name keeps it. "
        "More names than teams are refused.",
    ),
    Meaning(
        "locked_teams_stand_apart",
        "`lockedTeams`",
        "Nobody in or out. They count as teams of `count`, keep their size whatever `size` says, "
        "and no other rule looks at them.",
    ),
    Meaning(
        "first_lock_wins",
        "somebody whom two lock rules put into different teams",
        "Refused: locks are hard. Of two `lockedTeams` rules the first that names somebody holds.",
    ),
    Meaning(
        "every_eligible_rule_must_allow",
        "several `eligible` rules",
        "A person may be in teams that all of them allow. One value may list types and names.",
    ),
    Meaning(
        "locks_go_before_eligibility",
        "somebody locked into a team for which they are not eligible",
        "The lock holds, and eligibility is not broken by it.",
    ),
    Meaning(
        "sizes_differ_by_one",
        "people who do not divide evenly",
        "Sizes of a type without a count differ by one at most, within `size`; sizes never change "
        "for balance. Who must be together, and is more than a usual team, has a larger one where "
        "`size` allows it. Means are compared, so a larger team weighs no more than a smaller one.",
    ),
    Meaning(
        "no_team_is_empty",
        "more teams than people",
        "Refused: every team that is formed has somebody, and at least `size.min`.",
    ),
    Meaning(
        "bounds_are_inclusive",
        "a range",
        "Both ends are allowed. `Mean` divides by the size of the team, `Sum` does not.",
    ),
    Meaning(
        "skill_sums_ignore_size",
        "`SkillSum` with unequal sizes",
        "The sums themselves become equal, so that smaller teams have higher means.",
    ),
    Meaning(
        "moves_after_the_best_matching",
        "moves from current teams",
        "A current team goes on under its name; the others are matched with those left so that "
        "the fewest move. Joiners are no "
        "moves; people of a current team that no new one goes on from are.",
    ),
    Meaning(
        "history_counts_people_beyond_the_first",
        "former team-mates",
        "Each person of a former team beyond the first one in a new team costs the weight.",
    ),
    Meaning(
        "soft_rules_are_reported",
        "a rule with `weight`",
        "May be broken for balance, by that price for each person too many or too few; the result "
        "says where, and the teams are feasible all the same.",
    ),
)
