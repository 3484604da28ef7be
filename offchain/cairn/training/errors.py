"""What can go wrong in a round, each with its own class."""

from cairn.errors import CairnError

__all__ = [
    "AggregateError",
    "EvaluationError",
    "PlanError",
    "PrivacyError",
    "TableError",
    "TrainerError",
    "TrainingError",
    "UpdateError",
]


class TrainingError(CairnError):
    """Any error of collaborative training."""


class PlanError(TrainingError, ValueError):
    """A plan that cannot be followed; the message names the field.

    A ValueError too, so that pydantic adds the place of a part within the plan.
    """


class PrivacyError(TrainingError):
    """Noise or a bound that guards nothing, or an epsilon that cannot be had."""


class TableError(TrainingError):
    """A table of readings that a member cannot train on."""


class TrainerError(TrainingError):
    """A trainer of a member's own that does not do what the plan and the adapter ask."""


class UpdateError(TrainingError):
    """An update that cannot be made, read, or matched with its root."""


class AggregateError(TrainingError):
    """Updates that cannot be aggregated, or an aggregate file that cannot be read."""


class EvaluationError(TrainingError):
    """An evaluation that cannot be made, found or recomputed."""
