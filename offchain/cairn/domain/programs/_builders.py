"""Builders: programs from integers, checked so that nothing can overflow."""

from collections.abc import Sequence

from cairn.domain.programs._features import FeatureRule, check_rule, feature_words
from cairn.domain.programs._format import (
    GROUP_WORDS,
    INT256_MAX,
    LANES,
    MAX_HEADER_WORDS,
    META_WORDS,
    Kind,
    OutputMode,
    ProgramError,
    meta_word,
    to_word,
)
from cairn.domain.programs._program import Program

MAX_LINEAR_FEATURES = (MAX_HEADER_WORDS - META_WORDS) // GROUP_WORDS * LANES


def linear_program(
    rules: Sequence[FeatureRule],
    bias: int,
    shift: int,
    *,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """A linear program: score = (bias + sum of multiplier * (x - centre)) >> shift, as int32.

    Raises ProgramError, naming the feature, if a range is empty or the sum could leave 256 bits.
    """
    if not 0 < len(rules) <= MAX_LINEAR_FEATURES:
        raise ProgramError(
            f"{len(rules)} features: a linear program has 1 to {MAX_LINEAR_FEATURES}; select fewer"
        )
    bound = abs(bias)
    for position, rule in enumerate(rules):
        check_rule(rule, f"feature {position}")
        bound += abs(rule.multiplier) * max(
            abs(rule.low - rule.centre), abs(rule.high - rule.centre)
        )
        if bound > INT256_MAX:
            raise ProgramError(
                f"with feature {position} the sum could leave 256 bits: use coarser scales"
            )
    groups = feature_words(rules)
    meta = meta_word(
        kind=Kind.LINEAR,
        mode=mode,
        n_features=len(rules),
        n_outputs=2 if mode is OutputMode.LABEL_AND_SCORES else 1,
        n_words=META_WORDS + len(groups),
        decimals=decimals,
        shift=shift,
    )
    return Program(header=(meta, to_word(bias), *groups))
