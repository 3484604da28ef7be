"""The feature stage: range, missing values and centring, alike for all kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.integers import INT32_MAX, MISSING, check_int32
from cairn.domain.programs._format import (
    GROUP_WORDS,
    LANES,
    ProgramError,
    pack_lanes,
    to_signed,
    to_word,
    unpack_lanes,
)


@dataclass(frozen=True)
class FeatureRule:
    """What is done to one feature before the model sees it."""

    low: int
    high: int
    imputed: int
    """Stands in for a missing value; MISSING itself if there is none and the outcome is invalid."""
    centre: int
    multiplier: int

    def apply(self, value: int) -> int | None:
        """The value in its range, less the centre; None if it is missing without a stand-in."""
        if value < self.low:
            if value == MISSING:
                if self.imputed == MISSING:
                    return None
                value = self.imputed
            else:
                value = self.low
        elif value > self.high:
            value = self.high
        return value - self.centre


PADDING = FeatureRule(low=MISSING, high=INT32_MAX, imputed=MISSING, centre=MISSING, multiplier=0)
"""The rule of a lane that holds no feature."""


def check_rule(rule: FeatureRule, name: str) -> FeatureRule:
    """Return a rule that an exporter may use; raises ProgramError that names the feature."""
    for value in (rule.low, rule.high, rule.imputed, rule.centre):
        check_int32(value, name)
    if not MISSING < rule.low <= rule.high:
        raise ProgramError(f"{name} has the range [{rule.low}, {rule.high}]: give low <= high")
    if rule.imputed != MISSING and not rule.low <= rule.imputed <= rule.high:
        raise ProgramError(f"{name} is imputed by {rule.imputed}, outside its range")
    return rule


def feature_words(rules: Sequence[FeatureRule]) -> list[int]:
    """The feature groups of a header: low, high, imputed, centre, then eight multipliers, each."""
    words: list[int] = []
    for first in range(0, len(rules), LANES):
        group = [*rules[first : first + LANES]]
        group += [PADDING] * (LANES - len(group))
        words += [
            pack_lanes(rule.low for rule in group),
            pack_lanes(rule.high for rule in group),
            pack_lanes(rule.imputed for rule in group),
            pack_lanes(rule.centre for rule in group),
            *(to_word(rule.multiplier) for rule in group),
        ]
    return words


def feature_rules(words: Sequence[int], n_groups: int) -> tuple[FeatureRule, ...]:
    """Inverse of `feature_words`, padding included."""
    rules: list[FeatureRule] = []
    for first in range(0, n_groups * GROUP_WORDS, GROUP_WORDS):
        low, high, imputed, centre = (unpack_lanes(word) for word in words[first : first + 4])
        for lane in range(LANES):
            multiplier = to_signed(words[first + 4 + lane])
            rules.append(
                FeatureRule(low[lane], high[lane], imputed[lane], centre[lane], multiplier)
            )
    return tuple(rules)


def centred(rules: Sequence[FeatureRule], features: Sequence[int]) -> list[int] | None:
    """All features through their rules, padding as zeros; None if one is missing for good."""
    padded = [*features, *[0] * (len(rules) - len(features))]
    values: list[int] = []
    for rule, value in zip(rules, padded, strict=True):
        result = rule.apply(value)
        if result is None:
            return None
        values.append(result)
    return values
