"""Proposals from draft to execution: the commands that `cairn proposal` and `ape run propose` share.

Who signs is a `Hand`; all else (which alliance, which actions, what is shown) is the same for both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click

from cairn.catalog import CatalogSettings, Proposal, open_catalog
from cairn.chain import Call, System
from cairn.cli._drafting import (
    Desk,
    Request,
    at_desk,
    calls_of,
    choose_alliance,
    read_requests,
    with_proposal,
)
from cairn.cli._proposal_text import SUPPORT, as_text, shown, summary
from cairn.domain.text import printable
from cairn.governance import KINDS, RULES, Type, build, compose, moment, words
from cairn.governance import Argument as ActionArgument

MOST_LISTED = 20


class Hand(Protocol):
    """An account that signs and sends."""

    @property
    def address(self) -> str: ...

    def send(self, call: Call) -> object:
        """Send a call and wait for it; raises if it reverted."""
        ...


Connect = Callable[[], tuple[CatalogSettings, System]]
OpenHand = Callable[[System, dict[str, Any]], Hand]
"""Takes the options of an account off the command's, and opens it."""


@dataclass(frozen=True)
class Commands:
    """Makes the commands for one way to connect and to sign."""

    connect: Connect
    open_hand: OpenHand
    account_options: Callable[[], list[click.Parameter]]
    cls: type[click.Command] = click.Command

    def _command(
        self, name: str, help: str, params: list[click.Parameter], run: Callable[..., Any]
    ) -> click.Command:
        return self.cls(name=name, help=help, params=params, callback=run)

    # --- drafting ------------------------------------------------------------------------------

    def create(self) -> list[click.Command]:
        """One command an action, and those that make several."""
        made = [self._create(name) for name in KINDS if KINDS[name] not in RULES]
        return [*made, self._rules(), self._policy(), self._file()]

    def _create(self, name: str) -> click.Command:
        kind = KINDS[name]
        params = [param for one in kind.arguments for param in _params(name, one)]
        if name in ("admit", "expel"):
            which = "that the alliance has not" if name == "admit" else "that the alliance has"
            params.append(click.Option(["--owner"], help=f"All sensors of this owner {which}."))
        if name == "open-round":
            path = click.Path(exists=True, dir_okay=False)
            params.append(
                click.Option(["--plan"], type=path, required=True, help="The plan's JSON file.")
            )
        title = {"promote": "Promote version {version}", "terms": "Terms of model {model_id}"}

        def run(**given: Any) -> None:
            values = {one.name: given.pop(one.name, None) for one in kind.arguments}
            for extra in ("owner", "plan"):
                if extra in given:
                    values[extra] = given.pop(extra)
            usual = title.get(name, kind.help.rstrip(".")).format(**values)
            self._propose([Request(name, values)], usual, given)

        return self._command(name, kind.help, [*params, *self._draft_options()], run)

    def _rules(self) -> click.Command:
        names = {kind.name: kind.arguments[0] for kind in RULES}
        params: list[click.Parameter] = [
            click.Option([f"--{name}", argument.name], help=f"{argument.help} {_how(argument)}")
            for name, argument in names.items()
        ]

        def run(**given: Any) -> None:
            asked = []
            for name, argument in names.items():
                value = given.pop(argument.name)
                if value is not None:
                    asked.append(Request(name, {argument.name: value}))
            if not asked:
                raise click.UsageError("name at least one rule to change")
            self._propose(asked, "Change the rules", given)

        help = "Change the alliance's rules: all that are given, together."
        return self._command("rules", help, [*params, *self._draft_options()], run)

    def _policy(self) -> click.Command:
        params: list[click.Parameter] = [
            click.Option(["--model", "model_id"], type=click.IntRange(1), required=True),
            click.Option(
                ["--policy", "policy_id"], type=click.IntRange(0), required=True, help="0: anyone."
            ),
        ]

        def run(**given: Any) -> None:
            values = {name: given.pop(name) for name in ("model_id", "policy_id")}
            usual = f"Policy of model {values['model_id']}"
            self._propose([Request("policy", values)], usual, given)

        help = "Set who may ask a model: its terms in force, with another policy."
        return self._command("policy", help, [*params, *self._draft_options()], run)

    def _file(self) -> click.Command:
        path = click.Path(exists=True, dir_okay=False, path_type=Path)
        params: list[click.Parameter] = [click.Argument(["path"], type=path)]

        def run(path: Path, **given: Any) -> None:
            self._propose(read_requests(path), "Several actions", given)

        help = "Propose several actions from a YAML file: a list of {action: promote, model: 1, version: 2}."
        return self._command("file", help, [*params, *self._draft_options()], run)

    def _draft_options(self) -> list[click.Parameter]:
        return [
            click.Option(["--title"], help="One line; by default what is usual."),
            click.Option(["--why"], default="", help="Reasons, for those who vote."),
            click.Option(["--dry-run"], is_flag=True, help="Show it, and propose nothing."),
            _alliance_option(),
            *self.account_options(),
        ]

    def _propose(self, requests: Sequence[Request], usual: str, given: dict[str, Any]) -> None:
        settings, system = self.connect()
        hand = self.open_hand(system, given)
        with at_desk(settings, system, given["alliance"]) as desk:
            actions = desk.actions(requests)
            calls = [build(action, desk.contracts) for action in actions]
            lines = [words(action, desk.names) for action in actions]
            text = compose(given["title"] or usual, lines, hand.address, given["why"])
            if given["dry_run"]:
                click.echo(text)
                return
            hand.send(desk.governor.propose(calls, text))
            click.echo(f"proposal {desk.governor.proposal_id(calls, text)}")
            click.echo(text)

    # --- from vote to execution ----------------------------------------------------------------

    def steps(self) -> list[click.Command]:
        """Vote, queue, execute, cancel; show and list."""
        number = click.Argument(["proposal_id"], type=int)
        support = click.Argument(["support"], type=click.Choice(list(SUPPORT)))
        account = [_alliance_option(), *self.account_options()]
        as_json = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON instead.")
        reason = click.Option(["--reason"], default="", help="For the others, on chain.")
        return [
            self._command(
                "vote", "Vote for or against a proposal, or abstain.",
                [number, support, reason, *account], self._vote,
            ),
            self._command(
                "queue", "Hand a proposal that succeeded to the timelock.",
                [number, *account], self._queue,
            ),
            self._command(
                "execute", "Carry out a proposal whose delay in the timelock is over.",
                [number, *account], self._execute,
            ),
            self._command(
                "cancel", "Withdraw a proposal of your own before its vote opens.",
                [number, *account], self._cancel,
            ),
            self._command(
                "show", "Show what a proposal does, in plain words, its state and votes.",
                [number, _alliance_option(), as_json], self._show,
            ),
            self._command(
                "list", "List proposals, newest first.",
                [
                    _alliance_option(), as_json,
                    click.Option(["--limit"], type=click.IntRange(1), default=MOST_LISTED),
                ],
                self._list,
            ),
        ]  # fmt: skip

    def _vote(self, proposal_id: int, support: str, reason: str, **given: Any) -> None:
        def call(desk: Desk, _: Proposal) -> Call:
            if reason:
                return desk.governor.vote_with_reason(proposal_id, SUPPORT[support], reason)
            return desk.governor.vote(proposal_id, SUPPORT[support])

        self._step(proposal_id, given, call)
        click.echo(f"voted {support}")

    def _queue(self, proposal_id: int, **given: Any) -> None:
        def call(desk: Desk, proposal: Proposal) -> Call:
            return desk.governor.queue(calls_of(proposal), proposal.description)

        desk = self._step(proposal_id, given, call)
        eta = desk.governor.eta(proposal_id)
        click.echo(f"queued; executable from {eta}, unix seconds ({moment(eta)})")

    def _execute(self, proposal_id: int, **given: Any) -> None:
        def call(desk: Desk, proposal: Proposal) -> Call:
            return desk.governor.execute(calls_of(proposal), proposal.description)

        self._step(proposal_id, given, call)
        click.echo("executed")

    def _cancel(self, proposal_id: int, **given: Any) -> None:
        def call(desk: Desk, proposal: Proposal) -> Call:
            return desk.governor.cancel(calls_of(proposal), proposal.description)

        self._step(proposal_id, given, call)
        click.echo("cancelled")

    def _step(
        self, proposal_id: int, given: dict[str, Any], call: Callable[[Desk, Proposal], Call]
    ) -> Desk:
        settings, system = self.connect()
        hand = self.open_hand(system, given)
        with with_proposal(settings, system, given["alliance"], proposal_id) as (desk, proposal):
            hand.send(call(desk, proposal))
            return desk

    def _show(self, proposal_id: int, alliance: str | None, as_json: bool) -> None:
        settings, system = self.connect()
        with with_proposal(settings, system, alliance, proposal_id) as (desk, proposal):
            found = shown(desk, proposal)
        click.echo(json.dumps(found, indent=2) if as_json else as_text(found))

    def _list(self, alliance: str | None, as_json: bool, limit: int) -> None:
        settings, system = self.connect()
        with open_catalog(settings, system) as catalog:
            of = None if alliance is None else choose_alliance(system, catalog, alliance).address
            rows = [summary(system, one) for one in catalog.proposals(alliance=of)[:limit]]
        if as_json:
            click.echo(json.dumps(rows))
            return
        for row in rows:
            who, title = printable(row["alliance"]), printable(row["title"])
            click.echo(f"{row['proposal']}  {row['state']:<9}  {who}: {title}")
        if not rows:
            click.echo("no proposal yet")


def _alliance_option() -> click.Option:
    return click.Option(
        ["--alliance"], help="Its name, or its timelock (0x…); by default the deployment's first."
    )


def _how(argument: ActionArgument) -> str:
    return {
        Type.SECONDS: "Such as 12h or 3d.",
        Type.SHARES: "In whole shares.",
        Type.COIN: "In whole coins.",
        Type.TIME: "Such as +10d or 2026-12-01T12:00Z.",
    }.get(argument.type, "")


def _params(kind: str, argument: ActionArgument) -> list[click.Parameter]:
    if argument.type in (Type.ACCOUNTS, Type.TEXTS):
        nargs = -1
        required = kind not in ("admit", "expel")  # these have --owner
        return [click.Argument([argument.name], nargs=nargs, required=required)]
    if kind == "open-round" and argument.name in ("plan_hash", "plan_cid"):
        return []  # from the plan's file
    help = f"{argument.help} {_how(argument)}".strip()
    names = [argument.option, argument.name]
    if argument.default is None:
        return [click.Option(names, required=True, help=help)]
    return [click.Option(names, default=argument.default, help=help)]
