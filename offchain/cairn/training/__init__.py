"""Training together: plans, local training, aggregation and its verification.

A member fits the plan's estimator on his own readings and hands in integers; an operator averages
them exactly; anyone recomputes the result with `verify_round`.
"""

from cairn.training.aggregation import (
    Aggregate,
    IncludedUpdate,
    aggregate_coordinate,
    aggregate_updates,
)
from cairn.training.derive import derive_program
from cairn.training.errors import AggregateError, PlanError, TableError, TrainingError, UpdateError
from cairn.training.local import predict, train
from cairn.training.plans import EstimatorPlan, FeaturePlan, Plan, RulePlan, TargetPlan
from cairn.training.rules import (
    Median,
    Rule,
    TrimmedMean,
    WeightedMean,
    rule_of,
    weighted_mean,
    weighted_mean_coordinate,
)
from cairn.training.updates import (
    Update,
    data_root,
    decode_integers,
    encode_integers,
    integers_root,
    integers_tree,
)
from cairn.training.verification import PostedUpdate, Verdict, usable_updates, verify_round

__all__ = [
    "Aggregate",
    "AggregateError",
    "EstimatorPlan",
    "FeaturePlan",
    "IncludedUpdate",
    "Median",
    "Plan",
    "PlanError",
    "PostedUpdate",
    "Rule",
    "RulePlan",
    "TableError",
    "TargetPlan",
    "TrainingError",
    "TrimmedMean",
    "Update",
    "UpdateError",
    "Verdict",
    "WeightedMean",
    "aggregate_coordinate",
    "aggregate_updates",
    "data_root",
    "decode_integers",
    "derive_program",
    "encode_integers",
    "integers_root",
    "integers_tree",
    "predict",
    "rule_of",
    "train",
    "usable_updates",
    "verify_round",
    "weighted_mean",
    "weighted_mean_coordinate",
]
