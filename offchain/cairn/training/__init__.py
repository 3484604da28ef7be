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
    PrivacyError,
    TableError,
    TrainerError,
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
from cairn.training.local import Prepared, predict, prepare, train, train_prepared
from cairn.training.manifests import UpdateManifest
from cairn.training.plans import (
    EstimatorPlan,
    FeaturePlan,
    Plan,
    RulePlan,
    ScalePlan,
    TargetPlan,
)
from cairn.training.privacy import Guard, PrivacyStatement, epsilon_of
from cairn.training.report import MemberEffect, RoundReport, VersionLoss
from cairn.training.rules import (
    Median,
    Rule,
    TrimmedMean,
    WeightedMean,
    rule_of,
    weighted_mean,
    weighted_mean_coordinate,
)
from cairn.training.selection import Selection, SetLosses, best_set, mean_losses, program_of_set
from cairn.training.trainers import (
    ArrayLayout,
    ProcessTrainer,
    Trainer,
    evaluate_with,
    train_with,
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
from cairn.training.workers import map_all, spread

__all__ = [
    "Aggregate",
    "AggregateError",
    "ArrayLayout",
    "Assessment",
    "EstimatorPlan",
    "EvaluationError",
    "FeaturePlan",
    "Guard",
    "IncludedUpdate",
    "Median",
    "MemberEffect",
    "Plan",
    "PlanError",
    "PostedUpdate",
    "Prepared",
    "PrivacyError",
    "PrivacyStatement",
    "ProcessTrainer",
    "RoundReport",
    "Rule",
    "RulePlan",
    "ScalePlan",
    "Selection",
    "SetLosses",
    "TableError",
    "TargetPlan",
    "Trainer",
    "TrainerError",
    "TrainingError",
    "TrimmedMean",
    "Update",
    "UpdateError",
    "UpdateManifest",
    "Verdict",
    "VersionLoss",
    "WeightedMean",
    "aggregate_coordinate",
    "aggregate_updates",
    "assess",
    "best_set",
    "challenge_call",
    "compare",
    "data_root",
    "decode_integers",
    "derive_program",
    "encode_integers",
    "epsilon_of",
    "evaluate_with",
    "find_posted",
    "integers_root",
    "integers_tree",
    "load_set",
    "map_all",
    "mean_losses",
    "output_mode",
    "post_call",
    "posted_id",
    "predict",
    "prepare",
    "program_of_set",
    "rule_of",
    "show_call",
    "spread",
    "tiles_of",
    "train",
    "train_prepared",
    "train_with",
    "unite",
    "usable_updates",
    "verify_round",
    "weighted_mean",
    "weighted_mean_coordinate",
]
