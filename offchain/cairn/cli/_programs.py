"""`cairn export` and `cairn inspect`: models become programs, and programs tell what they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from cairn.domain.programs import MAX_SERVED_GAS, OutputMode, Program
from cairn.domain.schema import Schema
from cairn.errors import CairnError
from cairn.models import (
    Loss,
    describe,
    load,
    load_skops,
    loss_report,
    predict,
    save,
    to_device,
)
from cairn.models import export as export_model

MODES = {mode.name.lower(): mode for mode in OutputMode}
existing = click.Path(exists=True, dir_okay=False, path_type=Path)


class DataFileError(CairnError):
    """A table of rows that cannot be read."""


@click.command()
@click.argument("model", type=existing)
@click.option(
    "--data", type=existing, required=True, help="Rows like the training set's: CSV or npy."
)
@click.option(
    "--schema", type=existing, help="The schema's JSON; without it, features are integers."
)
@click.option("--mode", type=click.Choice(sorted(MODES)), help="What a classifier returns.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="The program's file.")
def export(
    model: Path, data: Path, schema: Path | None, mode: str | None, output: Path | None
) -> None:
    """Make an integer program from a scikit-learn MODEL in a skops file.

    Pickles are refused: opening one can run code.
    """
    program, path = export_file(model, data, schema, mode, output)
    click.echo(f"{path}  0x{program.hash.hex()}")


@click.command()
@click.argument("program", type=existing)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
@click.option("--model", type=existing, help="The skops file it was exported from: shows the loss.")
@click.option("--data", type=existing, help="Rows for the loss: CSV or npy.")
@click.option("--target", type=existing, help="Their targets: CSV or npy.")
@click.option("--schema", type=existing, help="The schema's JSON.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the loss to this PNG.")
def inspect(
    program: Path,
    as_json: bool,
    model: Path | None,
    data: Path | None,
    target: Path | None,
    schema: Path | None,
    plot: Path | None,
) -> None:
    """Show what a PROGRAM file holds: layers, ranges, size, gas on both schedules, and its loss."""
    shown, loss = inspect_file(program, model, data, target, schema)
    if plot is not None:
        if loss is None:
            raise click.UsageError("--plot draws the loss: give --model and --data too")
        draw_loss(loss, plot)
    if as_json:
        click.echo(json.dumps(shown))
        return
    _print(shown)


def export_file(
    model: Path,
    data: Path,
    schema: Path | None = None,
    mode: str | None = None,
    output: Path | None = None,
) -> tuple[Program, Path]:
    """Export a skops file; returns the program and where it was written."""
    program = export_model(
        load_skops(model),
        read_rows(data),
        read_schema(schema),
        mode=None if mode is None else MODES[mode],
    )
    return program, save(program, output or model.with_suffix(".cairn"))


def inspect_file(
    program: Path,
    model: Path | None = None,
    data: Path | None = None,
    target: Path | None = None,
    schema: Path | None = None,
) -> tuple[dict[str, Any], Loss | None]:
    """Describe a program file, and its loss if the model and rows are given."""
    loaded = load(program)
    shown = describe(loaded)
    shown["served_with_stake"] = shown["execution_gas_at_most"] <= MAX_SERVED_GAS
    columns = read_schema(schema)
    if columns is not None and columns.n_features == loaded.n_features:
        named = zip(columns.features, shown["features"], strict=True)
        shown["features"] = [{"name": column.name} | feature for column, feature in named]
    if data is not None:
        outputs, valid = predict(loaded, to_device(read_rows(data), columns))
        if valid.any():
            shown["outputs_seen"] = {
                "least": outputs[valid].min(axis=0).tolist(),
                "greatest": outputs[valid].max(axis=0).tolist(),
            }
    if model is None or data is None:
        return shown, None
    truth = None if target is None else read_rows(target)
    loss = loss_report(loaded, load_skops(model), read_rows(data), truth, columns)
    shown["loss"] = {
        "rows": loss.n_rows,
        "invalid": loss.n_invalid,
        "same_label": loss.agreement,
        "largest": loss.largest,
        "mean": loss.mean,
    }
    if loss.metric is not None:
        name, float_model, integers = loss.metric
        shown["loss"][name] = {"float": float_model, "program": integers}
    return shown, loss


def read_rows(path: Path) -> np.ndarray[Any, Any]:
    """A table of numbers: npy, or CSV with or without a line of names; empty cells are missing."""
    try:
        if path.suffix == ".npy":
            rows = np.load(path, allow_pickle=False)
        else:
            with path.open() as file:
                first = file.readline()
            names = any(c.isalpha() and c not in "eEnNaA" for c in first)
            rows = np.genfromtxt(path, delimiter=",", skip_header=int(names), ndmin=2)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path} is no table of numbers: {error}") from None
    table: np.ndarray[Any, Any] = np.asarray(rows, dtype=np.float64)
    return table[:, None] if table.ndim == 1 else table


def read_schema(path: Path | None) -> Schema | None:
    return None if path is None else Schema.from_json(path.read_bytes())


def draw_loss(loss: Loss, path: Path) -> None:
    """A small plot: the program's scores over the float model's, and what lies between.

    Of a classifier: how many rows got which label from the two.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    if loss.agreement is None:
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(7, 3), layout="constrained")
        left.plot(loss.expected, loss.scores, ".", markersize=3)
        left.set(xlabel="float model", ylabel="program")
        right.hist(loss.scores - loss.expected, bins=40)
        right.set(xlabel="program less float model", ylabel="rows")
    else:
        n_classes = 1 + int(max(loss.expected.max(initial=1), loss.scores.max(initial=1)))
        counts = np.zeros((n_classes, n_classes), dtype=int)
        np.add.at(counts, (loss.scores.astype(int), loss.expected.astype(int)), 1)
        figure, axes = pyplot.subplots(figsize=(3.5, 3.5), layout="constrained")
        axes.imshow(counts, cmap="Blues", origin="lower")
        axes.set(xlabel="float model", ylabel="program", title="rows by label")
        axes.set(xticks=range(n_classes), yticks=range(n_classes))
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if count > counts.max() / 2 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour)
    try:
        figure.savefig(path, dpi=120, format="png")
    except OSError as error:
        raise DataFileError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        pyplot.close(figure)


def _print(shown: dict[str, Any]) -> None:
    console = Console()
    for name, value in shown.items():
        if not isinstance(value, list | dict):
            text = f"{value:,}" if type(value) is int else str(value)
            console.print(f"{_words(name):>24}  {text}", highlight=False, soft_wrap=True)
    for name, value in shown.items():
        if value and isinstance(value, list):
            console.print(_table(name, value))
        elif isinstance(value, dict):
            console.print(_table(name, [value]))


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=_words(name), title_justify="left")
    for column in rows[0]:
        table.add_column(_words(column), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{name} {_cell(inner)}" for name, inner in value.items())
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
