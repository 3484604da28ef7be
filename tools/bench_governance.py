"""What governing costs, ours and OpenZeppelin's: the same actions on the same chain, in one run.

    python tools/bench_governance.py

The two of a pair are transactions with the same calldata in one block, under Cancun rules.
OpenZeppelin's is compiled by solc with 200 optimizer runs, with every feature that ours has and it
offers. Of ours the dearest case counts, where there are several, but a proposer's first proposal,
which has a line of its own. The votes stay below the quorum, so that OpenZeppelin's does not pay for
an extension. The last line is JSON; it exits with 1 if a bar is missed or a scenario is played unlike.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table
from web3 import Web3

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

from scripts._bars import Bar, line, missed  # noqa: E402
from tools._local_chain import compile_source, deploy, local_chain  # noqa: E402
from tools.governance.pair import (  # noqa: E402
    BOX,
    DELAY_S,
    DEPLOY_GAS,
    FOR,
    GAS,
    HOLDINGS,
    LOCK_S,
    PERIOD_S,
    SHARE,
    Actions,
    Outcome,
    Pair,
    UnlikeError,
    accounts_of,
    compiled,
    launch,
    open_factory,
    open_pair,
    rpc,
)
from tools.governance.scenarios import SCENARIOS, run  # noqa: E402

BALLOT = "uint256 proposalId,uint8 support,address voter,uint256 nonce"
N_HOLDERS = 10_000
STREAM_S = 7 * 86_400
INCOME_WEI = 10**18

BARS: dict[str, Bar] = {
    "cast_vote_first_over_oz": ("<=", 1.0),
    "cast_vote_again_over_oz": ("<=", 1.0),
    "cast_vote_by_sig_over_oz": ("<=", 1.0),
    "queue_over_oz": ("<=", 1.0),
    "propose_over_oz": ("<=", 1.35),
    "execute_over_oz": ("<=", 1.1),
    "transfer_delegated_over_oz": ("<=", 1.0),
    "transfer_delegated_new_income_over_oz": ("<=", 1.4),
    "launch_alliance_total_gas": ("<=", 9_000_000),
    "claim_revenue_gas_1_holder": ("<=", 60_000),
    "claim_revenue_gas_10000_holders": ("<=", 60_000),
    "oz_scenarios_passed": (">=", len(SCENARIOS)),
}

SPREADER = """
# pragma version 0.4.3

from ethereum.ercs import IERC20

@external
def spread(token: IERC20, first: uint160, n: uint160):
    for i: uint160 in range(n, bound=200):
        to: address = convert(first + i, address)
        assert extcall token.transferFrom(msg.sender, to, 10**15)
"""
HOLDERS_A_CALL = 200
# Where the many holders' addresses begin: nobody's.
FIRST_HOLDER = 1 << 150


class Bench:
    """Transactions on both sides, and their gas by what they did: (ours, theirs)."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.gas: dict[str, tuple[int, int]] = {}

    def note(self, name: str, outcomes: tuple[Outcome, Outcome]) -> None:
        """Keep the dearest of ours, and the cheapest of theirs."""
        for outcome in outcomes:
            if not outcome.succeeded:
                raise UnlikeError(f"{name}: {outcome.reason}")
        ours, theirs = (outcome.gas for outcome in outcomes)
        known = self.gas.get(name, (0, theirs))
        self.gas[name] = (max(ours, known[0]), min(theirs, known[1]))

    def propose(self, name: str, actions: Actions) -> None:
        self.pair.know(actions)
        sender = self.pair.founders[0]
        self.note(name, self.pair.send("governor", "propose", *actions.args, sender=sender))

    def vote(self, name: str, actions: Actions, voter: int) -> None:
        ballot = (actions.id, FOR)
        sender = self.pair.founders[voter]
        self.note(name, self.pair.send("governor", "castVote", *ballot, sender=sender))

    def to_new_code(self, number: int) -> Actions:
        """A proposal to call a contract that no proposal has called before."""
        pair = self.pair
        pair.rpc("evm_setAutomine", True)
        box = deploy(pair.w3, compile_source(BOX)).address
        pair.rpc("evm_setAutomine", False)
        return replace(pair.putting(number), targets=[box])

    def proposals(self) -> None:
        """A proposal's whole way; what is proposed first is a proposer's first."""
        pair = self.pair
        self.propose("propose_first_of_a_proposer", self.to_new_code(1))
        pair.does("token", "delegate", pair.signer.address, sender=pair.founders[5])
        pair.advance(DELAY_S + PERIOD_S + 1)
        with pair.undone():
            pair.propose(pair.putting(2))
            pair.advance(DELAY_S + PERIOD_S + 1)
            self.propose("propose_to_known_code", pair.putting(3))

        actions = self.to_new_code(4)
        with pair.undone():
            suffix = f"\n#proposer={pair.founders[0].lower()}"
            guarded = replace(actions, description=actions.description + suffix)
            self.propose("propose_with_suffix", guarded)
        self.propose("propose", actions)
        pair.advance(DELAY_S + 1)
        self.vote("cast_vote_first", actions, 3)
        with pair.undone():
            # In the place of the next vote: one more for the same side.
            self.vote_by_signature(actions)
        self.vote("cast_vote_again", actions, 4)
        self.vote("cast_vote_to_the_quorum", actions, 0)
        pair.advance(PERIOD_S)
        sender = pair.stranger
        self.note("queue", pair.send("governor", "queue", *actions.key, sender=sender))
        pair.advance(LOCK_S)
        self.note("execute", pair.send("governor", "execute", *actions.key, sender=sender))

    def vote_by_signature(self, actions: Actions) -> None:
        pair, voter = self.pair, self.pair.signer.address
        message = {"proposalId": actions.id, "support": FOR, "voter": voter, "nonce": 0}
        signature = pair.signed("governor", "Ballot", BALLOT, **message)
        ballot = (actions.id, FOR, voter, signature)
        sent = pair.send("governor", "castVoteBySig", *ballot, sender=pair.stranger)
        self.note("cast_vote_by_sig", sent)

    def transfers(self) -> None:
        """Between holders whose shares vote; of two in a row ours pays a slot more for one."""
        for _ in range(2):
            self.transfer("transfer_delegated")
        for _ in range(4):
            self.earn()
            self.transfer("transfer_delegated_new_income")

    def transfer(self, name: str) -> None:
        to, sender = self.pair.founders[2], self.pair.founders[1]
        self.note(name, self.pair.send("token", "transfer", to, SHARE, sender=sender))

    def earn(self) -> None:
        """Income, in ours alone, and a day in which it flows."""
        pair = self.pair
        token = shares_at(pair.w3, pair.ours["token"])
        for transaction in (
            {"to": token.address, "value": hex(INCOME_WEI)},
            {"to": token.address, "data": token.encode_abi("sync")},
        ):
            sent = {"from": pair.payee, "gas": hex(GAS), **transaction}
            pair.rpc("eth_sendTransaction", sent)
            pair.advance(1)
        pair.advance(86_400)


def shares_at(w3: Web3, address: str) -> Any:
    return w3.eth.contract(
        address=Web3.to_checksum_address(address), abi=compiled("alliance/ShareToken").abi
    )


def launch_and_claim(w3: Web3, console: Console) -> dict[str, float]:
    """A launch with six founders; what a claim costs by the number of holders."""
    _, founder, *_, stranger, _ = accounts_of(w3)
    factory = open_factory(w3, stranger)
    contracts, launch_gas = launch(w3, factory, HOLDINGS, salt=1)
    contracts, _ = launch(w3, factory, (N_HOLDERS,), salt=2)
    token = shares_at(w3, contracts["token"])

    def claim() -> int:
        """Of all that one income brings to the founder."""
        income = {"from": stranger, "to": token.address, "value": hex(INCOME_WEI)}
        rpc(w3, "eth_sendTransaction", income)
        done(w3, token.functions.sync(), stranger)
        rpc(w3, "evm_increaseTime", STREAM_S)
        return done(w3, token.functions.claim(founder), stranger)

    snapshot = rpc(w3, "evm_snapshot")
    alone = claim()
    rpc(w3, "evm_revert", snapshot)
    spreader = deploy(w3, compile_source(SPREADER))
    done(w3, token.functions.approve(spreader.address, 2**256 - 1), founder)
    n_others = N_HOLDERS - 1
    for first in track(range(0, n_others, HOLDERS_A_CALL), "shares to many", console=console):
        n = min(HOLDERS_A_CALL, n_others - first)
        spread = spreader.functions.spread(token.address, FIRST_HOLDER + first, n)
        done(w3, spread, founder)
    last = Web3.to_checksum_address((FIRST_HOLDER + n_others - 1).to_bytes(20, "big"))
    if not token.functions.balanceOf(last).call():
        raise RuntimeError("the shares did not reach the last holder")
    return {
        "launch_alliance_total_gas": launch_gas,
        "claim_revenue_gas_1_holder": alone,
        f"claim_revenue_gas_{N_HOLDERS}_holders": claim(),
    }


def done(w3: Web3, call: Any, sender: str) -> int:
    """Gas of a transaction that succeeded."""
    sent = call.transact({"from": sender, "gas": DEPLOY_GAS})
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    if receipt["status"] != 1:
        raise RuntimeError(f"{call.fn_name} failed")
    return int(receipt["gasUsed"])


def play(pair: Pair, console: Console) -> int:
    """How many scenarios both sides play alike; the others are named."""
    passed = 0
    for name in track(SCENARIOS, "scenarios", console=console):
        try:
            run(pair, name)
            passed += 1
        except UnlikeError as error:
            console.print(f"{name}: {error}", style="red")
    return passed


def show(gas: dict[str, tuple[int, int]], figures: dict[str, float], console: Console) -> None:
    table = Table(title="Gas, under Cancun rules", title_justify="left")
    for column in ("operation", "ours", "OpenZeppelin's", "ours over theirs"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, (ours, theirs) in gas.items():
        table.add_row(name.replace("_", " "), f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.3f}")
    console.print(table)
    for name in BARS:
        console.print(line(name, figures[name], BARS), highlight=False)
    first = figures["propose_first_of_a_proposer_over_oz"]
    console.print(
        f"No bar holds for a proposer's first proposal, which writes a slot more: {first} times "
        "OpenZeppelin's where the called code is new. propose_over_oz is of all later ones.",
        highlight=False,
    )


def measured(console: Console) -> tuple[dict[str, tuple[int, int]], dict[str, float]]:
    """Gas by operation, (ours, theirs), and the figures."""
    with local_chain() as w3:
        alone = launch_and_claim(w3, console)
        pair = open_pair(w3)
        bench = Bench(pair)
        with pair.undone():
            bench.proposals()
            bench.transfers()
        passed = play(pair, console)
    figures: dict[str, float] = {
        f"{name}_over_oz": round(ours / theirs, 3) for name, (ours, theirs) in bench.gas.items()
    }
    figures |= alone | {"oz_scenarios_passed": passed, "oz_scenarios": len(SCENARIOS)}
    return bench.gas, figures


def main() -> int:
    gas, figures = measured(Console(stderr=True, width=110))
    show(gas, figures, Console(width=110))
    print(json.dumps(figures))
    return 1 if missed(figures, BARS) else 0


if __name__ == "__main__":
    sys.exit(main())
