"""Models that come in files: only what is trusted, and trees only if they are trees."""

import io
import json
import random
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from cairn.models import ModelFileError, load, load_skops
from cairn.models._sound import unsound_tree

X = np.random.default_rng(0).normal(size=(200, 3))
Y = X @ [1.0, -2.0, 3.0]


def test_load_skops__trees__predict_as_before(tmp_path: Path) -> None:
    model = RandomForestRegressor(3, random_state=0).fit(X, Y)
    skops.io.dump(model, tmp_path / "model.skops")
    assert (load_skops(tmp_path / "model.skops").predict(X) == model.predict(X)).all()


@pytest.mark.parametrize(
    ("array", "value", "said"),
    [
        ("children_left", 0, "not in order"),
        ("children_right", 10**6, "not in order"),
        ("feature", 3, "past the model's 3"),
        ("feature", -7, "past the model's 3"),
    ],
)
def test_load_skops__tree_whose_walk_leaves_it__refused(
    tmp_path: Path, array: str, value: int, said: str
) -> None:
    model = DecisionTreeRegressor(random_state=0).fit(X, Y)
    getattr(model.tree_, array)[0] = value
    skops.io.dump(model, tmp_path / "model.skops")
    with pytest.raises(ModelFileError, match=said):
        load_skops(tmp_path / "model.skops")


def test_unsound_tree__boosted_histograms__are_checked_too() -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(X, Y > 0)
    assert unsound_tree(model) is None
    model._predictors[1][0].nodes["feature_idx"][0] = 9
    assert "past the model's 3" in str(unsound_tree(model))


def test_load_skops__tree_over_more_features_than_the_model__refused() -> None:
    model = DecisionTreeRegressor(random_state=0).fit(X, Y)
    model.n_features_in_ = 2
    assert "over 3 features in a model of 2" in str(unsound_tree(model))


def test_load_skops__unpacks_to_too_much__refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps({}))
        archive.writestr("zeros.npy", bytes(300 * 2**20))
    with pytest.raises(ModelFileError, match="unpacks to"):
        load_skops(path)


@pytest.mark.parametrize("batch", range(4))
def test_load_skops__damaged_anywhere__is_a_model_or_refused(tmp_path: Path, batch: int) -> None:
    """Bytes of the archive, or words of its schema, changed at random."""
    models = [
        make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y),
        RandomForestRegressor(2, max_depth=3, random_state=0).fit(X, Y),
    ]
    path = tmp_path / "model.skops"
    skops.io.dump(models[batch % 2], path)
    whole, refused = path.read_bytes(), 0
    for seed in range(25):
        generator = random.Random(1000 * batch + seed)
        path.write_bytes(damaged(whole, generator))
        try:
            load_skops(path)
        except ModelFileError:
            refused += 1
    assert refused > 10


def damaged(whole: bytes, generator: random.Random) -> bytes:
    if generator.random() < 0.5:
        data = bytearray(whole)
        for _ in range(generator.choice((1, 3, 10))):
            data[generator.randrange(len(data))] = generator.randrange(256)
        return bytes(data)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = bytearray(old.read(name))
            if name == "schema.json":
                words = re.findall(rb'"[^"]*"|\d+', content)
                word = generator.choice(words)
                other = generator.choice([*words, b"null", b"[]", b"{}", b"-1", b'"os"'])
                content = content.replace(word, other, generator.choice((1, -1)))
            elif generator.random() < 0.2:
                content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
            new.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("header", "said"),
    [(b"{'descr': '<f8', 'shape': (", "damaged"), (b"\xff\xfe", "damaged"), (b"", "damaged")],
)
def test_load_skops__array_whose_header_is_none__refused(
    tmp_path: Path, header: bytes, said: str
) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(LinearRegression().fit(X, Y), path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".npy"):
                content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
            new.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match=said):
        load_skops(path)


def test_load_skops__no_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_skops(tmp_path / "model.skops")


def test_load_skops__an_archive_of_something_else__refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("hello.txt", "hello")
    (tmp_path / "model.skops").write_bytes(buffer.getvalue())
    with pytest.raises(ModelFileError, match="damaged"):
        load_skops(tmp_path / "model.skops")


def test_load_skops__linear__loaded(tmp_path: Path) -> None:
    skops.io.dump(LinearRegression().fit(X, Y), tmp_path / "model.skops")
    assert load_skops(tmp_path / "model.skops").predict(X) == pytest.approx(Y)


@pytest.mark.parametrize("content", [b"", b"CRN1", bytes(64), bytes(1_200_001)])
def test_load__no_program__refused_with_the_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.cairn"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.cairn is"):
        load(path)
