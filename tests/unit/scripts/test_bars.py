"""Bars that a bench's figures are held to: a missed one is said, and ends the bench with 1."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from cairn.errors import CairnError
from scripts import bench_data, bench_oracle
from scripts._bars import Bar, line, missed
from tools import bench_governance

BARS: dict[str, Bar] = {"speed": (">=", 10), "gas": ("<=", 1_000)}


@pytest.mark.parametrize(
    ("figures", "names"),
    [
        ({"speed": 10, "gas": 1_000, "more": 5}, []),
        ({"speed": 9.9, "gas": 1_000}, ["speed"]),
        ({"speed": 10, "gas": 1_001}, ["gas"]),
        ({"speed": 10}, ["gas"]),
    ],
)
def test_missed__figures__are_held_to_their_bars(
    figures: dict[str, float], names: list[str]
) -> None:
    assert missed(figures, BARS) == names
    said = [line(name, figure, BARS) for name, figure in figures.items()]
    assert [one.split()[0] for one in said if one.endswith("MISSED")] == [
        name for name in names if name in figures
    ]


@pytest.mark.parametrize("bench", [bench_oracle, bench_data])
@pytest.mark.parametrize("slip", [0, 1])
def test_bench__a_bar_missed__exits_1_after_the_json(
    monkeypatch: pytest.MonkeyPatch, bench: object, slip: int
) -> None:
    bars = bench.BARS  # type: ignore[attr-defined]
    figures = {name: bound for name, (_, bound) in bars.items()}
    first = next(name for name, (sign, _) in bars.items() if sign == "<=")
    figures[first] += slip
    monkeypatch.setattr(bench, "measured", lambda: figures)
    result = CliRunner().invoke(bench.cli)  # type: ignore[attr-defined]
    assert result.exit_code == slip
    assert json.loads(result.output.splitlines()[-1]) == figures
    assert result.output.count("MISSED") == slip


@pytest.mark.parametrize("bench", [bench_oracle, bench_data])
def test_bench__that_fails__says_why(monkeypatch: pytest.MonkeyPatch, bench: object) -> None:
    def fail() -> None:
        raise CairnError("no anvil")

    monkeypatch.setattr(bench, "measured", fail)
    result = CliRunner().invoke(bench.cli)  # type: ignore[attr-defined]
    assert result.exit_code == 1 and "no anvil" in result.output


@pytest.mark.parametrize("slip", [0, 1])
def test_bench_governance__a_scenario_unlike__exits_1_after_the_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], slip: int
) -> None:
    figures = {name: bound for name, (_, bound) in bench_governance.BARS.items()}
    assert figures["oz_scenarios_passed"] == len(bench_governance.SCENARIOS)
    figures["oz_scenarios_passed"] -= slip
    figures["propose_first_of_a_proposer_over_oz"] = 1.5  # told beside the bar, and under none
    monkeypatch.setattr(bench_governance, "measured", lambda _: ({}, figures))
    assert bench_governance.main() == slip
    said = capsys.readouterr().out
    assert json.loads(said.splitlines()[-1]) == figures
    assert said.count("MISSED") == slip
