"""The three calls that a notebook needs: export, predict, save."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import cairn
from cairn.domain.programs import Program, ProgramError
from cairn.models import ModelFileError, load, save, schema_for

X = np.random.default_rng(0).normal(20, 5, (200, 4))
Y = X @ [1.0, -2.0, 0.5, 3.0] + 7


@pytest.fixture(scope="module")
def pipeline():
    return make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)


@pytest.fixture(scope="module")
def program(pipeline):
    return cairn.export(pipeline, X, schema_for(X))


def test_predict__measurements__what_the_pipeline_says(pipeline, program) -> None:
    assert np.abs(program.predict(X) - pipeline.predict(X)).max() < 0.002


def test_predict__a_value_missing__names_the_row(program) -> None:
    rows = X[:5].copy()
    rows[3, 1] = np.nan
    with pytest.raises(ProgramError, match="row 3 misses a value"):
        program.predict(rows)


def test_predict__wrong_shape__refused(program) -> None:
    for rows in (X[0], X[:, :3]):
        with pytest.raises(ProgramError, match="give \\(n_rows, 4\\)"):
            program.predict(rows)


def test_predict__fractions_without_a_schema__refused(pipeline) -> None:
    whole = np.rint(X)
    program = cairn.export(LinearRegression().fit(whole, Y), whole)
    with pytest.raises(ProgramError, match="fractions"):
        program.predict(X)


def test_save__then_load__the_same_program(program, tmp_path: Path) -> None:
    path = program.save(tmp_path / "model.cairn")
    loaded = load(path)
    assert loaded == program and program == loaded
    assert hash(loaded) == hash(program)
    assert type(loaded) is Program
    assert [p.name for p in tmp_path.iterdir()] == ["model.cairn"]


def test_save__folder_that_is_not_there__says_so_and_leaves_nothing(program, tmp_path) -> None:
    with pytest.raises(ModelFileError, match="cannot be written"):
        save(program, tmp_path / "no" / "model.cairn")


def test_repr__program__is_one_line(program) -> None:
    assert repr(program) == (
        f"<ExportedProgram 0x{program.hash.hex()}: linear, 4 features, 1 outputs>"
    )


def test_equality__other_words_or_things__differ(program, pipeline) -> None:
    other = cairn.export(pipeline, X + 1, schema_for(X))
    assert other != program
    assert program != program.to_bytes()


def test_cairn__unknown_name__is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fly'"):
        cairn.fly  # noqa: B018
