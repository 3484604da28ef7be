"""Where the demo's story is played: a local chain, a store, an operator and an API, and a voice to
tell it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ape import accounts, chain, networks
from ape.api import AccountAPI, ReceiptAPI
from ape.contracts import ContractEvent
from ape.logging import logger
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cairn.cli.processes import LOOPBACK, Processes, Program, free_port, local_chain
from cairn.domain.cid import Cid
from cairn.domain.schema import Schema
from cairn.settings import ConnectionSettings
from cairn.storage import ContentStore, EmbeddedStore
from scripts._command import read_networks_once
from scripts._deployment import DeploymentError, Journal, commit
from scripts._gas import GasMeter

# Where a chain of its own begins, unix seconds: the synthetic weather and what is learned from it depend on the
# date, and a story is to end today as it did yesterday.
BEGINNING = 1_795_651_200
CHAIN_ID = 4690  # IoTeX's testnet's, so that signatures bind what they would bind there
COIN = 10**18
OPERATOR_INDEX = 4  # of the development mnemonic
WAIT_S = 120  # ample on a busy machine


@dataclass
class Stage:
    """One run: its chain, its store, its processes, and what was noted on the way."""

    console: Console
    processes: Processes
    var: Path  # logs, store, operator's database
    deployment: Path
    rpc_url: str
    store: ContentStore
    journal: Journal
    api_port: int
    meter: GasMeter = field(default_factory=GasMeter)
    balances: dict[str, int] = field(default_factory=dict)
    claims: dict[str, int] = field(default_factory=dict)
    n_chapters: int = 0

    # --- the chain ---

    @property
    def accounts(self) -> Sequence[AccountAPI]:
        return accounts.test_accounts

    @property
    def n_contracts(self) -> int:
        return len(self.journal.record["contracts"])

    def now(self) -> int:
        """The chain's clock, unix seconds."""
        return chain.provider.get_block("latest").timestamp

    def advance(self, seconds: int, why: str) -> None:
        """Move the local chain's clock on, and say so."""
        chain.provider.make_request("evm_increaseTime", [seconds])
        chain.provider.make_request("evm_mine", [])
        self.console.print(f"    [dim]… {_duration(seconds)} later: {why}[/dim]")

    def mine(self, blocks: int) -> None:
        """Let blocks pass."""
        chain.provider.make_request("anvil_mine", [hex(blocks)])

    def wait_for(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until another process has done its part, or fail with the reason."""
        give_up = time.monotonic() + WAIT_S
        with self.console.status(f"    waiting until {what}"):
            while not condition():
                self.processes.check()
                if time.monotonic() > give_up:
                    raise self.failure(f"waited {WAIT_S} s in vain until {what}")
                time.sleep(0.1)

    def failure(self, why: str) -> DeploymentError:
        return DeploymentError(f"the story broke off: {why} (logs: {self.var / 'log'})")

    def fetch(self, cid: bytes) -> bytes:
        return self.store.fetch(Cid.from_bytes(cid))

    # --- the processes ---

    def deployed(self) -> None:
        """Write down where everything is, for the other processes."""
        self.journal.record["commit"] = commit()
        self.journal.save()
        self.balances = {a.address: a.balance for a in self.accounts[:6]}

    def connection(self) -> ConnectionSettings:
        """This run's chain, once it is written down where everything is."""
        return ConnectionSettings(rpc_url=self.rpc_url, deployment=self.deployment)

    def environment(self) -> dict[str, str]:
        """What every Cairn process of this run is told."""
        return {
            **os.environ,
            "CAIRN_RPC_URL": self.rpc_url,
            "CAIRN_DEPLOYMENT": str(self.deployment),
            "CAIRN_STORE": str(self.var / "store"),
            "COLUMNS": str(self.console.width),
        }

    def start_operator(self, operator: AccountAPI) -> None:
        port = free_port()
        self._start(
            "operator",
            ["operator", "run"],
            {
                "CAIRN_OPERATOR_HEALTH_PORT": str(port),
                "CAIRN_OPERATOR_ACCOUNT": f"TEST::{OPERATOR_INDEX}",
                "CAIRN_OPERATOR_DATABASE": f"sqlite:///{self.var / 'operator.db'}",
                "CAIRN_OPERATOR_POLL_INTERVAL_S": "0.2",
                "CAIRN_OPERATOR_SETTLE_DELAY_S": "0",
            },
            port,
        )

    def start_api(self) -> None:
        self._start(
            "api",
            ["serve"],
            {
                # On this machine and for this story only: nobody else reaches it.
                "CAIRN_SERVE_ACCESS": "open",
                "CAIRN_SERVE_ACCOUNT": f"TEST::{OPERATOR_INDEX}",
                "CAIRN_SERVE_POLL_S": "1",
                "CAIRN_SERVE_PORT": str(self.api_port),
            },
            port=self.api_port,
        )

    def _start(
        self, name: str, arguments: list[str], env: Mapping[str, str], port: int | None = None
    ) -> None:
        command = [sys.executable, "-m", "cairn", *arguments]
        self.processes.start(Program(name, command, port, {**self.environment(), **env}))

    @property
    def api_url(self) -> str:
        return f"http://{LOOPBACK}:{self.api_port}"

    # --- the notes ---

    def note(self, operation: str, receipt: ReceiptAPI) -> ReceiptAPI:
        """Note what a transaction cost."""
        return self.meter.note(operation, receipt)

    def events(self, event: ContractEvent) -> list[Any]:
        """All events of one kind so far."""
        return list(event.range(0, chain.blocks.height + 1))

    def note_event(self, operation: str, event: ContractEvent) -> None:
        """Note what the transactions cost in which another process caused an event."""
        for log in self.events(event):
            self.note(operation, chain.provider.get_receipt(log.transaction_hash))

    def claimed(self, account: AccountAPI, amount: int) -> None:
        self.claims[account.address] = self.claims.get(account.address, 0) + amount

    # --- the voice ---

    def chapter(self, title: str) -> None:
        self.n_chapters += 1
        self.console.print(f"\n[bold]{self.n_chapters}. {title}[/bold]")

    def say(self, text: str) -> None:
        self.console.print(f"    {text}", highlight=False)

    def say_block(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            self.console.print(f"    {line}", highlight=False, markup=False)

    def say_answer(self, who: str, schema: Schema, outputs: tuple[int, ...]) -> None:
        measured = schema.decode_targets(outputs)
        words = ", ".join(
            f"{column.name} {measured[column.name]} {column.unit}" for column in schema.targets
        )
        self.say(f"{who}: {words}  (integers {list(outputs)})")

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """A progress bar; the function that it yields counts one step."""
        columns = (
            TextColumn("    {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)

    @staticmethod
    def short(address: str) -> str:
        return f"{address[:6]}…{address[-4:]}"

    @staticmethod
    def coin(amount: int) -> str:
        return f"{amount / COIN:.6g} coin"

    def say_accounts(self, rows: Sequence[tuple[str, AccountAPI, int, int]]) -> None:
        """Who earned what. Rows: role, account, shares, coin still staked."""
        table = Table(title="Who earned what", title_justify="left")
        for column in ("who", "address", "shares", "earned", "staked", "purse before and after"):
            table.add_column(column, justify="left" if column == "who" else "right")
        for role, account, shares, staked in rows:
            change = account.balance - self.balances.get(account.address, 0)
            table.add_row(
                role,
                self.short(account.address),
                f"{shares / COIN:,.2f}" if shares else "",
                self.coin(self.claims.get(account.address, 0)),
                self.coin(staked) if staked else "",
                f"{change / COIN:+.6f} coin",
            )
        self.console.print()
        self.console.print(table)
        self.say("the purse pays for gas, stakes and purchases")

    def say_gas(self) -> None:
        table = gas_table(self.meter)
        self.console.print(table)


def gas_table(meter: GasMeter) -> Table:
    """Gas of each operation, on both schedules."""
    table = Table(title="Gas (the dearest of each)", title_justify="left")
    table.add_column("operation")
    table.add_column("Ethereum's schedule", justify="right")
    table.add_column("IoTeX's formula", justify="right")
    for cost in meter:
        table.add_row(cost.operation, f"{cost.ethereum:,}", f"{cost.iotex:,}")
    return table


def _duration(seconds: int) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} s"


@contextmanager
def open_stage(
    var: Path, deployment: Path, port: int = 0, api_port: int = 0, console: Console | None = None
) -> Iterator[Stage]:
    """Start a chain with nothing on it; on leaving, whatever the reason, end all that runs and was
    not told to go on. Ports are free ones unless they are named.
    """
    store, database = var / "store", var / "operator.db"
    deployment.unlink(missing_ok=True)
    # With what SQLite keeps beside it: a journal left by a killed worker would be played back.
    for path in (
        database,
        *(database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm")),
    ):
        path.unlink(missing_ok=True)
    logger.set_level("WARNING")  # the story is told in its own words
    with Processes(var) as processes:
        port = port or free_port()
        processes.start(local_chain(port, CHAIN_ID, ["--silent", "--timestamp", str(BEGINNING)]))
        rpc_url = f"http://{LOOPBACK}:{port}"
        with networks.parse_network_choice(f"iotex:dev:{rpc_url}"):
            read_networks_once()
            yield Stage(
                console=console
                or Console(soft_wrap=True, width=None if sys.stdout.isatty() else 130),
                processes=processes,
                var=var,
                deployment=deployment,
                rpc_url=rpc_url,
                store=EmbeddedStore(store),
                journal=Journal(deployment, "iotex-dev", CHAIN_ID),
                api_port=api_port or free_port(),
            )
