"""scikit-learn's own data sets: trained, exported, registered, and predicted in a paid call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.ensemble import RandomForestClassifier as Forest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import cairn
from cairn.domain.integers import pack_features, unpack_features
from cairn.domain.programs import OutputMode
from cairn.domain.schema import Column
from cairn.models import load, load_skops, schema_for, to_device
from tests.conftest import PRODUCTION, SOME_CID

PRICE = 10**18
LOCK_WEI = 5 * 10**18  # what judging the dearest of them takes, twice
TERMS = (PRICE, 3_000, 5_000, 3_600, LOCK_WEI, 0)
N_ASKED = 3

PROGRESSION = Column("progression", "", "0.001", "-1000", "1000")
CASES: dict[str, tuple[Callable[[], Any], Any, tuple[Column, ...]]] = {
    "breast cancer": (
        load_breast_cancer,
        make_pipeline(
            StandardScaler(),
            MLPClassifier((8,), alpha=1.0, solver="lbfgs", max_iter=1000, random_state=0),
        ),
        (),
    ),
    "diabetes": (
        load_diabetes,
        GradientBoostingRegressor(n_estimators=40, max_depth=3, random_state=0),
        (PROGRESSION,),
    ),
    "digits": (
        load_digits,
        make_pipeline(StandardScaler(), PCA(30, random_state=0), LogisticRegression(C=0.1)),
        (),
    ),
    "wine": (load_wine, Forest(20, max_leaf_nodes=16, random_state=0), ()),
    "iris": (load_iris, HistGradientBoostingClassifier(max_iter=20, random_state=0), ()),
}
LEAST = {"breast cancer": 0.95, "diabetes": 0.3, "digits": 0.93, "wine": 0.95, "iris": 0.9}


@pytest.mark.parametrize("name", CASES)
def test_datasets__trained_exported_registered__predicted_as_scikit_learn_does(
    name: str, tmp_path: Path, system, alliance, timelock, operator, requester
) -> None:
    load_data, model, targets = CASES[name]
    bunch = load_data()
    X, X_test, y, y_test = train_test_split(
        bunch.data, bunch.target, test_size=1 / 3, random_state=0
    )
    with threadpool_limits(1):
        model.fit(X, y)
    schema = schema_for(bunch.data, bunch.feature_names, targets)

    # The model travels as a skops file, the program as its bytes.
    skops.io.dump(model, tmp_path / "model.skops")
    mode = None if targets else OutputMode.LABEL_AND_SCORES
    exported = cairn.export(load_skops(tmp_path / "model.skops"), X, schema, mode=mode)
    program = load(exported.save(tmp_path / "model.cairn"))

    score = r2_score if targets else accuracy_score
    kept, whole = (score(y_test, m.predict(X_test)) for m in (exported, model))
    assert kept >= whole - 0.005
    assert whole >= LEAST[name]

    for function, arguments in program.publish_calls():
        getattr(system.program_store, function)(*arguments, sender=operator)
    registry = system.model_registry
    registry.create_model(name, alliance.share_token, schema.schema_hash, SOME_CID, sender=timelock)
    model_id = registry.n_models()
    version = (program.hash, SOME_CID, bytes([2]) * 32, bytes([3]) * 32, SOME_CID, 0, 0)
    registry.register_version(model_id, *version, sender=timelock)
    registry.set_alias(model_id, PRODUCTION, 1, sender=timelock)
    registry.set_terms(model_id, *TERMS, sender=timelock)

    expected = exported.predict(X_test)
    for row, said in zip(
        to_device(X_test, schema)[:N_ASKED].tolist(), expected[:N_ASKED], strict=True
    ):
        receipt = system.inference_market.predict(
            model_id, pack_features(row), PRICE, value=PRICE, sender=requester
        )
        outputs = unpack_features(bytes(receipt.return_value))
        assert outputs == program.run(row)
        if targets:
            assert outputs[0] * float(program.output_scale) == said
        else:
            assert bunch.target_names[outputs[0]] == bunch.target_names[said]
        assert np.isfinite(said)
