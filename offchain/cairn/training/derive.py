"""From an aggregate to the program that serves it: integer code, the same on every machine."""

from cairn.domain.integers import MISSING
from cairn.domain.programs import Program, linear_program_from_aggregate
from cairn.training.errors import AggregateError
from cairn.training.plans import Plan
from cairn.training.updates import Int32s

__all__ = ["derive_program"]


def derive_program(plan: Plan, parameters: Int32s) -> Program:
    """The program of a version whose parameters are `parameters`, under the plan's scales."""
    if parameters.shape != (plan.n_parameters,):
        raise AggregateError(
            f"{parameters.size} parameters, the plan has {plan.n_parameters}: it is another round's"
        )
    return linear_program_from_aggregate(
        aggregate=tuple(int(value) for value in parameters),
        centers=tuple(feature.center for feature in plan.features),
        shifts=tuple(feature.shift for feature in plan.features),
        target_center=plan.target.center,
        target_shift=plan.target.shift,
        lo=tuple(feature.lo for feature in plan.features),
        hi=tuple(feature.hi for feature in plan.features),
        # A program answers `invalid` where a value is missing and MISSING would stand in for it.
        imputed=tuple(
            MISSING if feature.imputed is None else feature.imputed for feature in plan.features
        ),
        decimals=plan.target.decimals,
    )
