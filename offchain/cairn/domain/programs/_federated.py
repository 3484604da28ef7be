"""From a round's aggregate to a program, in integers alone: anyone derives the same hash."""

from collections.abc import Sequence

from cairn.domain.integers import check_int32
from cairn.domain.programs._builders import linear_program
from cairn.domain.programs._features import FeatureRule
from cairn.domain.programs._format import OutputMode, ProgramError
from cairn.domain.programs._program import Program

UPDATE_BITS = 16
"""An update's parameters are int32 in units of 2**-16."""

MAX_SHIFT = 31
MIN_SHIFT = -16


def linear_program_from_aggregate(
    aggregate: Sequence[int],
    centers: Sequence[int],
    shifts: Sequence[int],
    target_center: int,
    target_shift: int,
    lo: Sequence[int],
    hi: Sequence[int],
    imputed: Sequence[int],
    *,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """The program of an aggregate of linear updates; exact but for one rounding at its end.

    `aggregate` is (intercept, one coefficient for each feature), int32 in units of 2**-16, over
    z_i = (x_i - centers[i]) / 2**shifts[i] and (y - target_center) / 2**target_shift. The score
    is y in the target's integer unit, rounded to the nearest, halves up.

    Each program word comes from one coordinate: multiplier i is aggregate[i+1] << (top - shifts[i])
    and the bias (aggregate[0] << top) + (target_center << shift) + half a unit, where
    top = max(0, shifts, target_shift - 16) and shift = 16 - target_shift + top.

    Raises ProgramError that names the feature or the parameter which does not fit.
    """
    n_features = len(centers)
    for name, values in (("shifts", shifts), ("lo", lo), ("hi", hi), ("imputed", imputed)):
        if len(values) != n_features:
            raise ProgramError(f"{len(values)} {name} for {n_features} features: give one for each")
    if len(aggregate) != n_features + 1:
        raise ProgramError(
            f"an aggregate of {len(aggregate)} parameters for {n_features} features: give the "
            "intercept first, then one coefficient for each feature"
        )
    for position, value in enumerate(aggregate):
        check_int32(value, f"parameter {position}")
    for name, value in (
        ("target_shift", target_shift),
        *zip(_names(n_features), shifts, strict=True),
    ):
        if not MIN_SHIFT <= value <= MAX_SHIFT:
            raise ProgramError(f"{name} is {value}, outside [{MIN_SHIFT}, {MAX_SHIFT}]")
    check_int32(target_center, "target_center")

    top = max(0, target_shift - UPDATE_BITS, *shifts)
    shift = UPDATE_BITS - target_shift + top
    half = 1 << (shift - 1) if shift else 0
    rules = [
        FeatureRule(
            low=lo[i],
            high=hi[i],
            imputed=imputed[i],
            centre=centers[i],
            multiplier=aggregate[i + 1] << (top - shifts[i]),
        )
        for i in range(n_features)
    ]
    bias = (aggregate[0] << top) + (target_center << shift) + half
    return linear_program(rules, bias, shift, mode=mode, decimals=decimals)


def _names(n_features: int) -> list[str]:
    return [f"shifts[{i}]" for i in range(n_features)]
