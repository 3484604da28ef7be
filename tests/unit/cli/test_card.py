"""`cairn card write`, of a model with several outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from cairn.cli._main import run
from cairn.models import export, read_card


def test_write__two_targets__tells_rows_and_both_outputs_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRN_STORE", str(tmp_path / "store"))
    rows = np.random.default_rng(7).integers(-1_000, 1_000, (40, 3))
    targets = np.column_stack([rows @ [3, -2, 1], rows @ [1, 1, 4]])
    model = LinearRegression().fit(rows, targets)
    program, skops_file, data, target, card = (
        tmp_path / name for name in ("m.cairn", "m.skops", "rows.npy", "y.npy", "card.md")
    )
    program.write_bytes(export(model, rows).to_bytes())
    skops.io.dump(model, skops_file)
    np.save(data, rows)
    np.save(target, targets)
    given = ["--model", skops_file, "--data", data, "--target", target, "--output", card]
    command = ["card", "write", program, "--name", "air", "--license", "mit", *given]
    assert run(list(map(str, command))) == 0
    front, text = read_card(card.read_bytes())
    assert front["metrics"][0] == "r_squared" and "Measured on 40 rows" in text
