"""`cairn proposal`, from draft to execution, on the real governor and timelock."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cairn.catalog import Catalog, Follower, Sources
from cairn.chain import Call, Governor, PacketFormat, Store
from cairn.cli import cairn
from cairn.devices import CLIMATES, SimulatedDevice, device_address
from tests.integration._support import COIN, Anvil, Oracle

FOUNDER, OWNER, STRANGER = 1, 8, 9  # of the development mnemonic; the founder has all shares

Command = Callable[..., Result]


@pytest.fixture
def command(
    oracle: Oracle, deployment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("CAIRN_RPC_URL", oracle.anvil.url)
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(deployment_file))
    monkeypatch.setenv("CAIRN_CATALOG_DATABASE", f"sqlite:///{tmp_path / 'catalog.db'}")
    monkeypatch.setenv("CAIRN_STORE", str(tmp_path / "store"))

    def run(*words: object, account: int | None = None) -> Result:
        signing = [] if account is None else ["--account", f"TEST::{account}"]
        return CliRunner().invoke(cairn, ["proposal", *map(str, words), *signing])

    return run


@pytest.fixture
def governor(oracle: Oracle) -> Governor:
    return oracle.system.governor("Air")


@pytest.fixture
def treasury(oracle: Oracle) -> str:
    return oracle.system.deployment.alliance("Air").Timelock.address


def succeed(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return str(result.output)


def proposed(result: Result) -> str:
    match = re.search(r"^proposal (\d+)$", succeed(result), re.MULTILINE)
    assert match, result.output
    return match[1]


def shown(command: Command, proposal_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(succeed(command("show", proposal_id, "--json")))
    return found


def see_through(command: Command, anvil: Anvil, governor: Governor, proposal_id: str) -> None:
    """From the proposal to its execution: the founder votes, anybody does the rest."""
    anvil.advance(governor.voting_delay_s() + 1)
    assert "voted for" in succeed(
        command("vote", proposal_id, "for", "--reason", "it helps", account=FOUNDER)
    )
    anvil.advance(int(governor.read("votingPeriod")) + 1)
    assert "queued; executable from" in succeed(command("queue", proposal_id, account=STRANGER))
    anvil.advance(31 * 86_400)
    assert "executed" in succeed(command("execute", proposal_id, account=STRANGER))


def test_proposal__from_draft_to_execution__does_what_its_words_say(
    oracle: Oracle, command: Command, governor: Governor, treasury: str, tmp_path: Path
) -> None:
    payee = oracle.signer(STRANGER).address
    oracle.send(FOUNDER, Call(treasury, b"", 2 * COIN))
    actions = tmp_path / "actions.yaml"
    actions.write_text(
        f"- {{action: spend, receiver: '{payee}', amount: 1.5}}\n"
        "- {action: quorum, quorum: 25%}\n"
        "- {action: timelock-delay, timelock_delay: 2 days}\n"
    )
    draft = succeed(command("create", "file", actions, "--dry-run", account=FOUNDER))
    assert f"- send 1.5 coin from the treasury to {payee}" in draft
    assert json.loads(succeed(command("list", "--json"))) == []

    words = ("create", "file", actions, "--title", "Pay and tighten", "--why", "We agreed.")
    proposal_id = proposed(command(*words, account=FOUNDER))
    found = shown(command, proposal_id)
    assert found["state"] == "pending" and found["warnings"] == []
    assert [one["words"] for one in found["actions"]] == [
        f"send 1.5 coin from the treasury to {payee}",
        "change the part of all votes that must take part to 25 %",
        "change the time from a decision to its execution to 2 days",
    ]
    [line] = succeed(command("list")).splitlines()
    assert line == f"{proposal_id}  pending    Air: Pay and tighten"

    early = command("queue", proposal_id, account=STRANGER)
    assert early.exit_code == 1 and "has not succeeded" in str(early.exception)
    before = oracle.system.node.balance_wei(treasury)
    see_through(command, oracle.anvil, governor, proposal_id)
    assert oracle.system.node.balance_wei(treasury) == before - 3 * COIN // 2
    assert governor.read("quorumNumerator") == 25
    assert oracle.system.timelock("Air").read("getMinDelay") == 172_800
    text = succeed(command("show", proposal_id))
    assert "state: executed" in text and ": it helps" in text and "WARNING" not in text
    assert "votes (shares): for 100.00, against 0.00, abstain 0.00; quorum" in text


def test_proposal__all_of_an_owners_sensors__come_and_go(
    oracle: Oracle, command: Command, governor: Governor, treasury: str
) -> None:
    owner, devices = oracle.signer(OWNER).address, oracle.system.devices
    sensors = [SimulatedDevice(77, number, CLIMATES[0], 300) for number in range(31)]
    for sensor in sensors:
        consent = sensor.confirm(bytes.fromhex(owner[2:]), oracle.system.node.head().timestamp)
        call = devices.register(
            device_address(sensor.address), PacketFormat.CURRENT, 300, consent.timestamp,
            consent.signature[:32], consent.signature[32:],
        )  # fmt: skip
        oracle.send(OWNER, call)
    addresses = [device_address(sensor.address) for sensor in sensors]
    outsider = command("create", "expel", "--owner", owner, account=FOUNDER)
    assert "has none that the alliance admitted" in str(outsider.exception)

    # 31 are more than an action of 1,024 bytes holds: two actions.
    for verb, is_admitted in (("admit", True), ("expel", False)):
        proposal_id = proposed(command("create", verb, "--owner", owner, account=FOUNDER))
        found = shown(command, proposal_id)
        named = [one for action in found["actions"] for one in action["details"]]
        assert set(addresses) <= set(named) and len(found["actions"]) == 2
        assert found["actions"][0]["words"].startswith(f"{verb} 29 sensors: 0x")
        see_through(command, oracle.anvil, governor, proposal_id)
        assert {devices.is_admitted(treasury, one) for one in addresses} == {is_admitted}


def test_show__call_that_nobody_explains__is_raw_with_a_warning(
    oracle: Oracle, command: Command, governor: Governor
) -> None:
    good = governor.call("setVotingDelay", 60)
    calls = [
        Call("0x" + "12" * 20, b"\1\2\3\4\5", COIN),
        Call(good.to, good.data + b"\0"),
        governor.call("relay", "0x" + "12" * 20, 0, b""),
    ]
    lie = "Nothing much\n\n- change nothing\x1b[2J"
    oracle.send(FOUNDER, governor.propose(calls, lie))
    proposal_id = str(governor.proposal_id(calls, lie))
    found = shown(command, proposal_id)
    assert [one["action"] for one in found["actions"]] == [None, None, None]
    assert all(one["warnings"] for one in found["actions"])
    assert found["actions"][1]["data"] == "0x" + (good.data + b"\0").hex()
    text = succeed(command("show", proposal_id))
    assert "5 bytes of data, sending 1 coin along" in text and "0x0102030405" in text
    assert "tampered with" in text and "no named action makes this call" in text
    assert "the text does not list the actions" in text and "\x1b" not in text
    assert "cancelled" in succeed(command("cancel", proposal_id, account=FOUNDER))
    assert shown(command, proposal_id)["state"] == "canceled"


def test_catalog__proposals_and_votes__are_those_of_the_chain(
    oracle: Oracle, governor: Governor
) -> None:
    stores = [Store("sqlite://"), Store("sqlite://")]
    read = []
    for store, page_blocks in zip(stores, (7, 2_000), strict=True):
        sources = Sources.of(oracle.system)
        vars(sources)["page_blocks"] = page_blocks
        Follower(store, sources).sync()
        read.append(Catalog(store).proposals(alliance="Air"))
        store.close()
    assert read[0] == read[1] and read[0]
    for one in read[0]:
        assert one.tally() == governor.votes(one.proposal_id)
        assert one.vote_end == governor.deadline(one.proposal_id)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("create", "promote", "--model", "x", "--version", "1"), "not a whole number"),
        (("create", "spend", "--receiver", "0x12", "--amount", "1"), "is no address"),
        (("create", "policy", "--model", "99", "--policy", "0"), "is not for sale"),
        (("create", "admit"), "no sensor named"),
        (("vote", "99", "for"), "knows a proposal 99"),
        (("create", "end-sale", "--model", "1", "--alliance", "Nobody"), "there are: Air"),
    ],
)
def test_proposal__what_cannot_be__says_why(
    command: Command, words: tuple[str, ...], reason: str
) -> None:
    result = command(*words, account=FOUNDER)
    assert result.exit_code == 1 and reason in str(result.exception)


def test_create_rules__none_given__is_a_usage_error(command: Command) -> None:
    result = command("create", "rules", account=FOUNDER)
    assert result.exit_code == 2 and "name at least one rule" in result.output
