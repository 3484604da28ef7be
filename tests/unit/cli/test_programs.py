"""`cairn export` and `cairn inspect`, as an owner of a model types them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from cairn.cli._main import run
from cairn.models import export as export_model
from cairn.models import load, schema_for

PNG = b"\x89PNG\r\n\x1a\n"
X = np.random.default_rng(0).normal(20, 5, (300, 4))
Y = X @ [1.0, -2.0, 0.5, 3.0] + 7
SCHEMA = schema_for(X, ["heat", "damp", "weight", "light"])


@dataclass(frozen=True)
class Files:
    """What a member has at hand."""

    folder: Path
    model: Path
    data: Path
    target: Path
    schema: Path

    @property
    def program(self) -> Path:
        return self.folder / "model.cairn"

    @property
    def for_loss(self) -> list[str]:
        pairs = (("model", self.model), ("data", self.data), ("target", self.target))
        given = [word for name, path in pairs for word in (f"--{name}", str(path))]
        return [*given, "--schema", str(self.schema)]


def write(folder: Path, pipeline: object, y: np.ndarray) -> Files:
    files = Files(
        folder,
        *(folder / name for name in ("model.skops", "rows.csv", "target.npy", "schema.json")),
    )
    skops.io.dump(pipeline, files.model)
    np.savetxt(files.data, X, delimiter=",", header="heat,damp,weight,light", comments="")
    np.save(files.target, y)
    files.schema.write_bytes(SCHEMA.to_json())
    return files


@pytest.fixture
def pipeline():
    return make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)


@pytest.fixture
def files(tmp_path, pipeline) -> Files:
    return write(tmp_path, pipeline, Y)


@pytest.fixture
def exported(files, capsys) -> Files:
    arguments = ["export", files.model, "--data", files.data, "--schema", files.schema]
    assert run([str(word) for word in arguments]) == 0
    return files


def test_export__skops_file__the_program_that_python_exports(exported, pipeline, capsys) -> None:
    program = load(exported.program)
    assert program == export_model(pipeline, X, SCHEMA)


def test_export__done__says_where_and_the_hash(files, capsys) -> None:
    output = files.folder / "mine.cairn"
    arguments = [
        "export",
        files.model,
        "--data",
        files.data,
        "--schema",
        files.schema,
        "-o",
        output,
    ]
    assert run([str(word) for word in arguments]) == 0
    assert capsys.readouterr().out == f"{output}  0x{load(output).hash.hex()}\n"


@pytest.mark.parametrize("ending", ["pkl", "joblib", "skops"])
def test_export__pickle__refused_unopened(files, capsys, ending) -> None:
    bomb = files.folder / f"model.{ending}"
    bomb.write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    assert run(["export", str(bomb), "--data", str(files.data)]) == 1
    assert "skops.io.dump" in capsys.readouterr().err
    assert not (files.folder / "opened").exists()


def test_export__types_that_are_not_trusted__named(files, capsys) -> None:
    model = make_pipeline(FunctionTransformer(print), LinearRegression())
    skops.io.dump(model, files.model)
    assert run(["export", str(files.model), "--data", str(files.data)]) == 1
    said = capsys.readouterr().err
    assert "not trusted" in said and "print" in said


def test_export__damaged_file__one_line(files, capsys) -> None:
    files.model.write_bytes(files.model.read_bytes()[:-40])
    assert run(["export", str(files.model), "--data", str(files.data)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", [b"a,b\n1\n2,3,4\n", b"\xff\xfe\x00", b""])
def test_export__data_that_is_no_table__says_so(files, capsys, content) -> None:
    files.data.write_bytes(content)
    assert run(["export", str(files.model), "--data", str(files.data)]) == 1
    assert capsys.readouterr().err.startswith("cairn: ")


def test_inspect__program_alone__layers_ranges_size_and_both_gases(exported, capsys) -> None:
    capsys.readouterr()
    assert run(["inspect", str(exported.program), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    program = load(exported.program)
    assert shown["hash"] == "0x" + program.hash.hex()
    assert shown["bytes"] == len(program.to_bytes())
    assert len(shown["features"]) == 4
    execution = shown["execution_gas_at_most"]
    assert 21_000 + execution < shown["transaction_gas_at_most"] < 50_000
    assert 10_000 + execution < shown["iotex_gas_at_most"] < 60_000
    assert shown["served_with_stake"] is True
    assert "loss" not in shown


def test_inspect__with_model_and_rows__the_loss(exported, capsys) -> None:
    capsys.readouterr()
    assert run(["inspect", str(exported.program), "--json", *exported.for_loss]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["loss"]["rows"] == 300 and shown["loss"]["invalid"] == 0
    assert shown["loss"]["largest"] < 0.002
    assert shown["loss"]["R2"]["float"] == pytest.approx(shown["loss"]["R2"]["program"], abs=1e-6)
    assert [feature["name"] for feature in shown["features"]] == ["heat", "damp", "weight", "light"]


def test_inspect__for_people__tables_and_a_plot(exported, capsys) -> None:
    capsys.readouterr()
    plot = exported.folder / "loss.png"
    arguments = [str(exported.program), *exported.for_loss, "--plot", str(plot)]
    assert run(["inspect", *arguments]) == 0
    said = capsys.readouterr().out
    assert "0x" + load(exported.program).hash.hex() in said
    assert "heat" in said and "R2" in said
    assert plot.read_bytes().startswith(PNG)


def test_inspect__classifier__labels_and_accuracy(tmp_path, capsys) -> None:
    y = (Y.mean() < Y).astype(float)
    files = write(tmp_path, make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), y)
    arguments = ["export", files.model, "--data", files.data, "--schema", files.schema]
    assert run([*map(str, arguments), "--mode", "label_and_scores"]) == 0
    plot = files.folder / "loss.png"
    capsys.readouterr()
    arguments = [str(files.program), "--json", *files.for_loss, "--plot", str(plot)]
    assert run(["inspect", *arguments]) == 0
    loss = json.loads(capsys.readouterr().out)["loss"]
    assert loss["same_label"] == 1.0
    assert loss["accuracy"]["float"] == loss["accuracy"]["program"] > 0.9
    assert plot.read_bytes().startswith(PNG)


def test_inspect__one_row__is_a_row_and_not_a_column(exported, capsys) -> None:
    np.savetxt(exported.data, X[:1], delimiter=",")
    capsys.readouterr()
    arguments = ["--data", str(exported.data), "--schema", str(exported.schema)]
    assert run(["inspect", str(exported.program), "--json", *arguments]) == 0
    seen = json.loads(capsys.readouterr().out)["outputs_seen"]
    assert seen["least"] == seen["greatest"]


def test_inspect__plot_without_a_model__is_a_wrong_command_line(exported, capsys) -> None:
    assert run(["inspect", str(exported.program), "--plot", "loss.png"]) == 2
    assert "--model and --data" in capsys.readouterr().err


def test_inspect__no_program__one_line(files, capsys) -> None:
    assert run(["inspect", str(files.schema)]) == 1
    assert "is no program" in capsys.readouterr().err
