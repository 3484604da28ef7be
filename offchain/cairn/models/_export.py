"""Fitted scikit-learn estimators and pipelines as integer programs."""

from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.programs import OutputMode, Program
from cairn.domain.schema import Schema
from cairn.models._affine import (
    Affine,
    ExportError,
    FloatArray,
    check_fitted,
    fold_pipeline,
    name_of,
)
from cairn.models._columns import Columns
from cairn.models._dense import dense, mlp_layers
from cairn.models._exported import ExportedProgram
from cairn.models._linear import linear
from cairn.models._trees import trees

LINEAR = (
    "ElasticNet",
    "Lasso",
    "LinearRegression",
    "LinearSVC",
    "LinearSVR",
    "LogisticRegression",
    "Ridge",
    "SGDClassifier",
    "SGDRegressor",
)
MLP = ("MLPClassifier", "MLPRegressor")
TREES = (
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
)
EXPORTABLE = (*LINEAR, *MLP, *TREES)
"""Names of the estimators that have an integer program."""

NEAREST = {
    "AdaBoostClassifier": "GradientBoostingClassifier",
    "AdaBoostRegressor": "GradientBoostingRegressor",
    "BaggingClassifier": "RandomForestClassifier",
    "BaggingRegressor": "RandomForestRegressor",
    "BayesianRidge": "Ridge",
    "BernoulliNB": "LogisticRegression",
    "CalibratedClassifierCV": "the classifier within it",
    "ExtraTreeClassifier": "ExtraTreesClassifier",
    "ExtraTreeRegressor": "ExtraTreesRegressor",
    "GaussianNB": "LogisticRegression",
    "GaussianProcessRegressor": "MLPRegressor",
    "GridSearchCV": "its best_estimator_",
    "HuberRegressor": "SGDRegressor with loss='huber'",
    "KNeighborsClassifier": "RandomForestClassifier",
    "KNeighborsRegressor": "RandomForestRegressor",
    "LinearDiscriminantAnalysis": "LogisticRegression",
    "MultinomialNB": "LogisticRegression",
    "NuSVC": "LinearSVC",
    "NuSVR": "LinearSVR",
    "Perceptron": "SGDClassifier with loss='perceptron'",
    "PoissonRegressor": "HistGradientBoostingRegressor with loss='squared_error'",
    "RandomizedSearchCV": "its best_estimator_",
    "RidgeClassifier": "LogisticRegression",
    "SVC": "LinearSVC",
    "SVR": "LinearSVR",
    "StackingClassifier": "GradientBoostingClassifier",
    "StackingRegressor": "GradientBoostingRegressor",
    "TransformedTargetRegressor": "its regressor_, with the target scaled by the schema",
    "VotingClassifier": "RandomForestClassifier",
    "VotingRegressor": "RandomForestRegressor",
}
"""What comes nearest to estimators that have no integer program."""


def export(
    pipeline: Any, X: npt.ArrayLike, schema: Schema | None = None, *, mode: OutputMode | None = None
) -> ExportedProgram:
    """The integer program of a fitted estimator or pipeline.

    X: (n_rows, n_features), rows like those it was trained on, to calibrate scales from. With a
    schema they are measurements in its columns' units, and the program takes the schema's device
    integers; its scores are device integers of the schema's target. Without one, features are
    integers as they stand, and the score's decimals are chosen from the data.

    A missing feature takes what the pipeline's SimpleImputer puts for it, as a whole number of
    device units, as every feature is; without an imputer the outcome is `invalid`, also where
    scikit-learn's trees would send it to one side.

    Classifiers return the place of the class in `classes_`, and the scores behind it (mode
    LABEL_AND_SCORES) unless the mode or a schema with one target says otherwise. A score is the
    float model's decision function; of trees and forests it is the mean share of a class, less 1/2
    if there are two classes.

    The label of several scores is the place of the greatest of them as they are returned: give
    their column a scale fine enough to tell close ones apart.

    Raises ExportError that names the estimator, the parameter and the nearest thing that can be
    exported, or the feature that does not fit.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ExportError(f"X of shape {rows.shape}: give rows like those of the training set")
    columns = Columns.of(rows, schema)
    affine, model = fold_pipeline(pipeline, rows.shape[1])
    name = name_of(model)
    if name not in EXPORTABLE:
        if name in NEAREST:
            raise ExportError(f"{name} cannot be exported; the nearest that can: {NEAREST[name]}")
        raise ExportError(f"{name} cannot be exported; these can: {', '.join(EXPORTABLE)}")
    check_fitted(model)
    if model.n_features_in_ != affine.n_outputs:
        raise ExportError(
            f"{name} was fitted on {model.n_features_in_} columns; {affine.n_outputs} come in: give "
            "X as the pipeline takes it"
        )
    mode = _mode(model, schema, mode)
    program = _program(name, affine, model, columns, schema, mode, rows)
    classes = getattr(model, "classes_", None)
    if classes is None and schema is not None and len(schema.targets) != program.n_outputs:
        raise ExportError(
            f"{name} gives {program.n_outputs} scores, the schema has {len(schema.targets)} targets: "
            "name one for each"
        )
    return ExportedProgram(program.header, program.chunks, schema, classes)


def _program(
    name: str,
    affine: Affine,
    model: Any,
    columns: Columns,
    schema: Schema | None,
    mode: OutputMode,
    rows: FloatArray,
) -> Program:
    if name in LINEAR:
        return linear(affine, model, columns, schema, mode, rows)
    if name in MLP:
        return dense(affine, mlp_layers(model), columns, schema, mode, rows)
    return trees(affine, model, columns, schema, mode)


def _mode(model: Any, schema: Schema | None, mode: OutputMode | None) -> OutputMode:
    if not hasattr(model, "classes_"):
        if mode not in (None, OutputMode.SCORES):
            raise ExportError(f"{type(model).__name__} is a regressor: it has scores and no label")
        return OutputMode.SCORES
    if len(model.classes_) < 2:
        raise ExportError(f"{type(model).__name__} saw one class only: give it examples of two")
    if mode is not None:
        return mode
    single = schema is not None and len(schema.targets) == 1
    return OutputMode.LABEL if single else OutputMode.LABEL_AND_SCORES
