"""Ours beside OpenZeppelin's own Governor, TimelockController and ERC20Votes, from their npm package: the
same steps on the same chain give the same states, events and ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tools._local_chain import compile_contract, local_chain
from tools.governance.pair import FOR, Pair, UnlikeError, abi_of, open_pair
from tools.governance.scenarios import SCENARIOS, run

pytestmark = pytest.mark.requires("node")

OURS = {"governor": "Governor", "token": "ShareToken", "lock": "Timelock"}
# What theirs has and ours leaves out: docs/spec/alliance.md says why.
LEFT_OUT = {
    "governor": {
        "updateTimelock",
        "onERC721Received",
        "onERC1155Received",
        "onERC1155BatchReceived",
        "EIP712DomainChanged",
    },
    "token": {"EIP712DomainChanged"},
    "lock": {"grantRole", "revokeRole", "renounceRole", "RoleRevoked", "RoleAdminChanged"},
}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with local_chain() as w3:
        yield open_pair(w3)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario__played_by_both__ends_alike(pair: Pair, name: str) -> None:
    run(pair, name)


def types_of(parts: list[dict[str, Any]]) -> list[Any]:
    """Types as a caller encodes them: a struct of static members is as its members in a row."""
    found: list[Any] = []
    for part in parts:
        inner = types_of(part.get("components", []))
        found += inner if part["type"] == "tuple" else [(part["type"], *inner)]
    return found


def shape(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What a caller depends on: whether it changes the state, not whether it also reads it."""
    indexed = [part.get("indexed") for part in entry["inputs"]]
    mutability = entry.get("stateMutability")
    return (
        entry["type"],
        entry["name"],
        types_of(entry["inputs"]),
        types_of(entry.get("outputs", [])),
        indexed if entry["type"] == "event" else None,
        "view" if mutability == "pure" else mutability,
    )


@pytest.mark.parametrize("role", OURS)
def test_abi__of_theirs__is_in_ours(role: str) -> None:
    ours = [
        shape(entry)
        for entry in compile_contract(f"alliance/{OURS[role]}").abi
        if entry["type"] in ("function", "event")
    ]
    theirs = [
        shape(entry)
        for entry in abi_of(role)
        # The harness's own `mint` is ours, and errors are no part of the interface of either.
        if entry["type"] in ("function", "event")
    ]
    assert len(theirs) > 20
    lacking = [entry for entry in theirs if entry not in ours]
    assert {entry[1] for entry in lacking} == LEFT_OUT[role]


# --- the comparison itself ---


def change(pair: Pair, function: str, argument: int) -> None:
    """Change a setting of ours alone."""
    data = "0x" + pair.data("governor", function, argument).hex()
    call = {"from": pair.ours["lock"], "to": pair.ours["governor"], "data": data}
    sent = pair.rpc("eth_sendTransaction", {**call, "gas": hex(200_000)})
    pair.advance(1)
    assert pair.outcome(sent).succeeded


@pytest.mark.parametrize(
    ("function", "argument", "name", "what"),
    [
        ("setVotingDelay", 101, "governor_has_its_settings", "governor.votingDelay"),
        ("setVotingDelay", 101, "vote_twice_is_refused", "logs differ"),
        ("setProposalThreshold", 0, "propose_below_the_threshold_is_refused", "ours did it"),
        ("updateQuorumNumerator", 40, "outcome_at_exactly_the_quorum_is_success", "governor.state"),
        ("setLateQuorumVoteExtension", 299, "late_quorum_extends_the_vote_once", "logs differ"),
    ],
)
def test_scenario__sides_that_differ__are_told_apart(
    pair: Pair, function: str, argument: int, name: str, what: str
) -> None:
    with pair.undone():
        change(pair, function, argument)
        with pytest.raises(UnlikeError, match=what):
            run(pair, name)


def test_pair__what_is_not_expected__is_told(pair: Pair) -> None:
    with pair.undone():
        proposal = pair.propose(pair.putting(), wait=False)
        with pytest.raises(UnlikeError, match="ours refused it: vote: not open"):
            pair.vote(proposal, 0)
        with pytest.raises(UnlikeError, match="and 1 was expected"):
            pair.state(proposal, 1)
        pair.advance(200)
        with pytest.raises(UnlikeError, match="ours did it"):
            pair.refuses("governor", "castVote", proposal, FOR, sender=pair.founders[0])
        with pytest.raises(UnlikeError, match="ours answered"):
            pair.sees_nothing("governor", "state", proposal)
