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
from cairn.training.derive import derive_program, output_mode, tiles_of, unite
from cairn.training.errors import (
    AggregateError,
    EvaluationError,
    PlanError,
    TableError,
    TrainingError,
    UpdateError,
)
from cairn.training.evaluations import (
    Assessment,
    assess,
    challenge_call,
    compare,
    find_posted,
    load_set,
    post_call,
    posted_id,
    show_call,
)
from cairn.training.local import Prepared, predict, prepare, train
from cairn.training.plans import (
    EstimatorPlan,
    FeaturePlan,
    Plan,
    RulePlan,
    ScalePlan,
    TargetPlan,
)
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
    "Assessment",
    "EstimatorPlan",
    "EvaluationError",
    "FeaturePlan",
    "IncludedUpdate",
    "Median",
    "Plan",
    "PlanError",
    "PostedUpdate",
    "Prepared",
    "Rule",
    "RulePlan",
    "ScalePlan",
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
    "assess",
    "challenge_call",
    "compare",
    "data_root",
    "decode_integers",
    "derive_program",
    "encode_integers",
    "find_posted",
    "integers_root",
    "integers_tree",
    "load_set",
    "output_mode",
    "post_call",
    "posted_id",
    "predict",
    "prepare",
    "rule_of",
    "show_call",
    "tiles_of",
    "train",
    "unite",
    "usable_updates",
    "verify_round",
    "weighted_mean",
    "weighted_mean_coordinate",
]
