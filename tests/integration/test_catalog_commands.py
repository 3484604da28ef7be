"""`cairn models|versions|providers search`, on the real contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cairn.cli import cairn
from cairn.domain.cid import Cid
from cairn.models import save
from tests.integration._support import (
    ALLIANCE,
    COIN,
    OPERATOR,
    RIVAL,
    Oracle,
    small_program,
)

Command = Callable[..., Result]


@pytest.fixture
def command(
    oracle: Oracle, deployment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("CAIRN_RPC_URL", oracle.anvil.url)
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(deployment_file))
    monkeypatch.setenv("CAIRN_CATALOG_DATABASE", f"sqlite:///{tmp_path / 'catalog.db'}")
    return lambda *words: CliRunner().invoke(cairn, words)


def found(command: Command, *words: str) -> Any:
    result = command(*words, "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.output)


def test_models_search__by_name_sale_and_price__finds_what_is_so_now(
    oracle: Oracle, command: Command
) -> None:
    model_id = oracle.model_id
    [row] = [r for r in found(command, "models", "search", "SMALL") if r["id"] == model_id]
    assert row["aliases"]["production"] == 1 and row["price"] == "0.001 coin"
    providers = {oracle.signer(index).address for index in (OPERATOR, RIVAL)}
    assert providers <= set(row["providers"])
    head = oracle.system.node.head()
    assert 0 < row["created_at"] <= head.timestamp

    def ids(*words: str) -> list[int]:
        return [one["id"] for one in found(command, "models", "search", *words)]

    assert model_id in ids("--on-sale", "--price-up-to", "0.001")
    assert model_id not in ids("--price-up-to", "0.0009")
    assert model_id not in ids("--not-on-sale")
    hands = oracle.signer(ALLIANCE).address
    assert model_id in ids("--alliance", hands.lower(), "--provider", sorted(providers)[0].lower())

    # What happens later is there at the next look; what was read is not read again.
    oracle.send(ALLIANCE, oracle.system.models.end_sale(model_id))
    try:
        assert model_id in ids("--not-on-sale") and model_id not in ids("--on-sale")
        assert found(command, "versions", "search", "--model", str(model_id), "--sold") == []
    finally:
        terms = oracle.system.models.set_terms(model_id, oracle.price, 5_000, 3_000, 600, COIN)
        oracle.send(ALLIANCE, terms)
    [version] = found(command, "versions", "search", "--model", str(model_id), "--sold")
    assert version["aliases"] == ["production"] and version["version"] == 1
    stored = oracle.system.models.version(model_id, 1)
    assert version["program_hash"] == "0x" + stored.program_hash.hex()


def test_search__tags_and_listings__are_those_said_on_chain(
    oracle: Oracle, command: Command
) -> None:
    models, model_id = oracle.system.models, oracle.model_id
    oracle.send(ALLIANCE, models.tag(model_id, ["tiny", "linear"]))
    oracle.send(ALLIANCE, models.untag(model_id, ["linear"]))
    oracle.send(OPERATOR, models.list_endpoint(model_id, "https://answers.example"))
    [row] = found(command, "models", "search", "--tag", "tiny")
    operator = oracle.signer(OPERATOR).address
    assert (row["id"], row["tags"]) == (model_id, ["tiny"])
    assert row["endpoints"] == {operator: "https://answers.example"}
    assert found(command, "models", "search", "--tag", "linear") == []
    rows = found(command, "providers", "search", "--model", str(model_id))
    listed = {row["operator"]: row["endpoints"] for row in rows}
    assert listed[operator] == {str(model_id): "https://answers.example"}


def test_providers_search__stake__is_the_ledgers(oracle: Oracle, command: Command) -> None:
    rows = found(command, "providers", "search", "--model", str(oracle.model_id))
    stakes = {row["operator"]: int(row["stake_wei"]) for row in rows}
    for index in (OPERATOR, RIVAL):
        address = oracle.signer(index).address
        assert stakes[address] == oracle.system.stakes.stake_wei(address)
    assert found(command, "providers", "search", "--stake-from", "1000000") == []


def test_search__for_people__is_a_table(oracle: Oracle, command: Command) -> None:
    assert "0.001 coin" in command("models", "search").output
    assert "production" in command("versions", "search").output
    assert oracle.signer(OPERATOR).address in command("providers", "search").output


@pytest.mark.parametrize(
    "words",
    [
        ("models", "search", "--price-up-to", "much"),
        ("providers", "search", "--stake-from", "much"),
    ],
)
def test_search__no_amount__is_a_usage_error(command: Command, words: tuple[str, ...]) -> None:
    result = command(*words)
    assert result.exit_code == 2 and "is not an amount" in result.output


def test_search__hostile_name__speaks_neither_to_terminal_nor_table(
    oracle: Oracle, command: Command
) -> None:
    system = oracle.system
    some = bytes([1]) * 32
    token = system.deployment.alliance("Air").ShareToken.address
    name = "hostile [red]\x1b[2J\udcff"
    call = system.models.create_model("x", token, some, some)
    raw = name.encode("utf-8", "surrogateescape")
    # The client refuses such a name; whoever writes his own does not.
    at = call.data.index(b"x".ljust(32, b"\0"))
    data = call.data[: at - 1] + bytes([len(raw)]) + raw.ljust(32, b"\0") + call.data[at + 32 :]
    oracle.send(ALLIANCE, type(call)(call.to, data))
    result = command("models", "search", "hostile")
    assert result.exit_code == 0, result.exception
    assert "hostile [red]\\x1b[2J" in result.output and "\x1b" not in result.output
    result = command("models", "list")
    assert result.exit_code == 0 and "[red]\\x1b[2J\\udcff" in result.output


def test_card__written_registered_and_shown__is_the_same(
    oracle: Oracle, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRN_STORE", str(tmp_path / "store"))
    program, models = small_program(), oracle.system.models
    path = save(program, tmp_path / "small.cairn")
    model = ("--of", str(oracle.model_id))
    result = command("card", "write", str(path), *model, "--license", "mit", "--synthetic")
    assert result.exit_code == 0, (result.output, result.exception)
    cid = Cid.parse(result.output.strip())

    some, program_cid = bytes([1]) * 32, models.version(oracle.model_id, 1).program_cid
    call = models.register_version(
        oracle.model_id, program.hash, program_cid, some, some, cid.binary, 1
    )
    oracle.send(ALLIANCE, call)
    version = str(models.latest_version(oracle.model_id))
    front = found(command, "card", "show", str(oracle.model_id), version)
    assert front["license"] == "mit" and "synthetic" in front["tags"]
    assert front["cairn"]["model_id"] == oracle.model_id
    assert front["cairn"]["registry"] == models.address
    text = command("card", "show", str(oracle.model_id), version).output
    assert "# small" in text and "**The data are synthetic**" in text
    # Its first version names its program where a card should be, and this store has not got it.
    assert command("card", "show", str(oracle.model_id), "1").exit_code == 1
    assert command("card", "write", str(path), "--license", "mit").exit_code == 2
