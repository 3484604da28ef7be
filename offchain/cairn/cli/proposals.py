"""Proposals from draft to execution: the commands that `cairn proposal` and `ape run propose` share.

Who signs is a `Hand`; all else (which alliance, which actions, what is shown) is the same for both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import click
import yaml
from eth_utils.address import is_address, to_checksum_address

from cairn.catalog import Alliance, Catalog, CatalogSettings, Proposal, open_catalog
from cairn.chain import (
    Call,
    Currencies,
    DeploymentError,
    Governor,
    Support,
    System,
)
from cairn.devices import list_devices
from cairn.domain.text import printable
from cairn.errors import CairnError
from cairn.governance import (
    KINDS,
    MAX_ACTIONS,
    MAX_DEVICES,
    RULES,
    Action,
    ActionError,
    ChainNames,
    Contracts,
    Described,
    Type,
    build,
    check_known,
    chunks,
    compose,
    describe,
    moment,
    parse,
    parse_arguments,
    promised,
    words,
)
from cairn.governance import Argument as ActionArgument

POLICY_CHANGE: tuple[ActionArgument, ...] = (
    ActionArgument("model_id", Type.NUMBER, "The model's id."),
    ActionArgument("policy_id", Type.NUMBER, "Who may ask; 0: anyone."),
)
SUPPORT = {"against": Support.AGAINST, "for": Support.FOR, "abstain": Support.ABSTAIN}
MOST_LISTED = 20


class Hand(Protocol):
    """An account that signs and sends."""

    @property
    def address(self) -> str: ...

    def send(self, call: Call) -> None:
        """Send a call and wait for it; raises if it reverted."""
        ...


@dataclass(frozen=True)
class Request:
    """An action as it was asked for, its arguments texts."""

    kind: str
    given: Mapping[str, Any]


# --- one alliance, and what its proposals are about ------------------------------------------


@dataclass
class Desk:
    """An alliance, with all that proposing and reading its proposals needs."""

    settings: CatalogSettings
    system: System
    catalog: Catalog
    alliance: Alliance

    def __post_init__(self) -> None:
        one = self.alliance
        self.contracts = Contracts.of(
            self.system,
            governor=one.governor,
            timelock=one.address,
            shares=one.shares,
            charter=one.charter,
        )
        self.names = ChainNames(self.system, self.contracts, Currencies(self.system.node))
        self.names.know(one.currency, "the alliance's currency")

    @property
    def governor(self) -> Governor:
        return Governor(self.system.node, self.alliance.governor)

    # --- drafting ------------------------------------------------------------------------------

    def actions(self, requests: Sequence[Request]) -> list[Action]:
        """What was asked for, as actions of the table. Raises ActionError, CairnError."""
        found = [action for request in requests for action in self._expand(request)]
        if not found:
            raise ActionError("nothing to propose: name an action")
        if len(found) > MAX_ACTIONS:
            raise ActionError(
                f"{len(found)} actions: a proposal has at most {MAX_ACTIONS} (that is "
                f"{MAX_ACTIONS * MAX_DEVICES} sensors); propose the rest once this one is decided"
            )
        return found

    def _expand(self, request: Request) -> list[Action]:
        given = {key: one for key, one in request.given.items() if one is not None}
        now = self.system.node.head().timestamp
        if request.kind in ("admit", "expel"):
            return self._sensors(request.kind, given, now)
        if request.kind == "policy":
            return [self._policy(given, now)]
        if request.kind == "open-round" and "plan" in given:
            given = {**given, **self._plan(Path(str(given["plan"])))}
            del given["plan"]
        return [parse(request.kind, given, self.names, now)]

    def _sensors(self, kind: str, given: dict[str, Any], now: int) -> list[Action]:
        check_known(kind, given, ("devices", "owner"))
        owner = given.pop("owner", None)
        if owner is None:
            asked = given.get("devices") or ()
            texts = asked if isinstance(asked, (list, tuple)) else str(asked).split()
            whole = [
                parse(kind, {"devices": [one]}, self.names, now).arguments["devices"][0]
                for one in texts
            ]
        else:
            if given.get("devices"):
                raise ActionError(f"{kind}: name sensors, or --owner for all of his, not both")
            whole = [
                one.device
                for one in list_devices(self.system, str(owner), self.alliance.address)
                if (one.is_admitted if kind == "expel" else not one.is_admitted)
                and not one.is_revoked
            ]
        if not whole:
            which = "that the alliance admitted" if kind == "expel" else "to admit"
            raise ActionError(
                f"{kind}: " + ("no sensor named" if owner is None else f"{owner} has none {which}")
            )
        return chunks(kind, whole)

    def _policy(self, given: dict[str, Any], now: int) -> Action:
        """The terms in force, with another policy."""
        asked = parse_arguments("policy", POLICY_CHANGE, given, self.names, now)
        model_id, policy_id = asked["model_id"], asked["policy_id"]
        terms_id = self.system.models.current_terms(model_id)
        if not terms_id:
            raise ActionError(f"policy: model {model_id} is not for sale: set its terms first")
        terms = self.system.models.terms(terms_id)
        kept = ("model_id", "price", "operator_bps", "holders_bps", "window_s", "lock_wei")
        values = {name: getattr(terms, name) for name in kept}
        return Action("terms", {**values, "policy_id": policy_id})

    def _plan(self, path: Path) -> dict[str, str]:
        """A plan's hash and CID; its bytes go into the store, where members fetch them."""
        from cairn.training import Plan  # brings scikit-learn

        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ActionError(f"the plan {path} cannot be read: {error.strerror}") from None
        plan = Plan.from_json(raw)
        store = self.settings.open_store()
        try:
            cid = store.add(raw)
        finally:
            store.close()
        return {"plan_hash": "0x" + plan.hash.hex(), "plan_cid": str(cid)}

    # --- reading -------------------------------------------------------------------------------

    def described(self, proposal: Proposal) -> list[Described]:
        return [describe(call, self.contracts, self.names) for call in _calls(proposal)]


def _calls(proposal: Proposal) -> list[Call]:
    return [
        Call(to, data, value)
        for to, value, data in zip(
            proposal.targets, proposal.values, proposal.calldatas, strict=True
        )
    ]


def choose_alliance(system: System, catalog: Catalog, named: str | None) -> Alliance:
    """An alliance by its name in the deployment, its timelock's address, or its name in the catalog;
    by default the deployment's first. Raises CairnError that names those there are."""
    deployed = system.deployment.alliances
    if named is None:
        if not deployed:
            raise DeploymentError("the deployment names no alliance: give --alliance")
        named = next(iter(deployed))
    wanted = named
    if is_address(named):
        wanted = str(to_checksum_address(named))
    elif named in deployed:
        wanted = deployed[named].Timelock.address
    found = catalog.alliances(wanted)
    if len(found) == 1:
        return found[0]
    if found:
        addresses = ", ".join(one.address for one in found)
        raise CairnError(
            f"several alliances are called {named!r}; name one's timelock: {addresses}"
        )
    known = ", ".join(printable(one.name) for one in catalog.alliances()) or "none"
    raise CairnError(f"no alliance {named!r}; there are: {known}")


@contextmanager
def at_desk(settings: CatalogSettings, system: System, alliance: str | None) -> Iterator[Desk]:
    """Raises CairnError if there is no such alliance."""
    with open_catalog(settings, system) as catalog:
        yield Desk(settings, system, catalog, choose_alliance(system, catalog, alliance))


@contextmanager
def with_proposal(
    settings: CatalogSettings, system: System, alliance: str | None, proposal_id: int
) -> Iterator[tuple[Desk, Proposal]]:
    """A proposal by its id, of the alliance named or of whichever has it. Raises CairnError."""
    with open_catalog(settings, system) as catalog:
        of = None if alliance is None else choose_alliance(system, catalog, alliance)
        found = catalog.proposals(
            proposal_id=proposal_id, alliance=None if of is None else of.address
        )
        if not found:
            where = "no governor" if of is None else f"the governor {of.governor} of {of.name}"
            raise CairnError(
                f"{where} knows {'a' if of is None else 'no'} proposal {proposal_id}: "
                "see `cairn proposal list`"
            )
        if len(found) > 1:
            raise CairnError(
                f"several alliances have a proposal {proposal_id}; name one with --alliance: "
                + ", ".join(one.alliance for one in found)
            )
        [one] = catalog.alliances(found[0].alliance)
        yield Desk(settings, system, catalog, one), found[0]


# --- what is shown ---------------------------------------------------------------------------


def summary(system: System, proposal: Proposal) -> dict[str, Any]:
    """A proposal in a line, as JSON can say it."""
    state = Governor(system.node, proposal.governor).state(proposal.proposal_id)
    title = proposal.description.split("\n", 1)[0]
    return {
        "proposal": str(proposal.proposal_id),
        "alliance": proposal.alliance_name,
        "timelock": proposal.alliance,
        "state": state.name.lower(),
        "title": title,
        "proposer": proposal.proposer,
        "vote_end": proposal.vote_end,
    }


def shown(desk: Desk, proposal: Proposal) -> dict[str, Any]:
    """All of a proposal, its actions in plain words, as JSON can say it."""
    governor, number = desk.governor, proposal.proposal_id
    against, for_, abstaining = governor.votes(number)
    described = desk.described(proposal)
    has_opened = desk.system.node.head().timestamp > proposal.vote_start
    quorum = governor.quorum(proposal.vote_start) if has_opened else None
    warnings = []
    if promised(proposal.description) != [one.words for one in described]:
        warnings.append(
            "the text does not list the actions in their usual words: go by the actions, not by the text"
        )
    if any(one.action is None for one in described):
        warnings.append("not all of it is understood: see the actions' warnings")
    return {
        **summary(desk.system, proposal),
        "governor": proposal.governor,
        "description": proposal.description,
        "votes": {"for": for_, "against": against, "abstain": abstaining},
        "quorum": quorum,
        "vote_start": proposal.vote_start,
        "deadline": proposal.vote_end,
        "executable_from": proposal.eta or None,
        "actions": [
            {
                "words": one.words,
                "action": None if one.action is None else one.action.kind,
                "details": list(one.details),
                "warnings": list(one.warnings),
                "target": call.to,
                "value_wei": str(call.value),
                "data": "0x" + call.data.hex(),
            }
            for one, call in zip(described, _calls(proposal), strict=True)
        ],
        "voters": [
            {
                "voter": vote.voter,
                "support": next(name for name, s in SUPPORT.items() if s == vote.support),
                "weight": vote.weight,
                "reason": vote.reason,
            }
            for vote in proposal.votes
        ],
        "warnings": warnings,
    }


def as_text(found: Mapping[str, Any]) -> str:
    """What `shown` found, for people. What strangers wrote cannot speak to the terminal."""
    share = 10**18
    votes = ", ".join(f"{name} {count / share:,.2f}" for name, count in found["votes"].items())
    lines = [
        f"proposal {found['proposal']}",
        f"of {printable(found['alliance'])} ({found['timelock']}), by {found['proposer']}",
        f"state: {found['state']}",
        f"votes (shares): {votes}"
        + ("" if found["quorum"] is None else f"; quorum {found['quorum'] / share:,.2f}"),
        f"vote: {moment(found['vote_start'])} to {moment(found['deadline'])}",
    ]
    if found["executable_from"]:
        lines.append(f"executable from {moment(found['executable_from'])}")
    lines += ["", "what it does:"]
    for number, one in enumerate(found["actions"], start=1):
        lines.append(f"  {number}. {one['words']}")
        lines += [f"     {detail}" for detail in one["details"]]
        lines += [f"     WARNING: {warning}" for warning in one["warnings"]]
    lines += ["", "what the proposer says:"]
    lines += [f"  | {line}" for line in printable(found["description"], lines=True).split("\n")]
    for vote in found["voters"]:
        said = f": {printable(vote['reason'])}" if vote["reason"] else ""
        lines.append(
            f"voted {vote['support']}: {vote['voter']}, {vote['weight'] / share:,.2f}{said}"
        )
    lines += [f"WARNING: {warning}" for warning in found["warnings"]]
    return "\n".join(lines)


# --- the commands ----------------------------------------------------------------------------

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
            return desk.governor.queue(_calls(proposal), proposal.description)

        desk = self._step(proposal_id, given, call)
        eta = desk.governor.eta(proposal_id)
        click.echo(f"queued; executable from {eta}, unix seconds ({moment(eta)})")

    def _execute(self, proposal_id: int, **given: Any) -> None:
        def call(desk: Desk, proposal: Proposal) -> Call:
            return desk.governor.execute(_calls(proposal), proposal.description)

        self._step(proposal_id, given, call)
        click.echo("executed")

    def _cancel(self, proposal_id: int, **given: Any) -> None:
        def call(desk: Desk, proposal: Proposal) -> Call:
            return desk.governor.cancel(_calls(proposal), proposal.description)

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


def read_requests(path: Path) -> list[Request]:
    """Actions from a YAML file; arguments by their names or as options are called.

    Every value is the text that stands there, quoted or not. Raises ActionError.
    """
    try:
        # All scalars stay texts: an amount read as a float is another amount, 010 another number.
        entries = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ActionError(f"{path} is no YAML: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise ActionError(f"{path} is no list of actions, such as `- {{action: promote, …}}`")
    return [_request(path, dict(one)) for one in entries]


def _request(path: Path, entry: dict[Any, Any]) -> Request:
    kind = str(entry.pop("action", ""))
    if kind == "policy":
        arguments = POLICY_CHANGE
    elif kind in KINDS:
        arguments = KINDS[kind].arguments
    else:
        raise ActionError(f"{path}: no action is called {kind!r}; there are: {', '.join(KINDS)}")
    names = {one.option[2:].replace("-", "_"): one.name for one in arguments}
    plain = {str(key).replace("-", "_"): value for key, value in entry.items()}
    if kind == "open-round" and "plan" in plain:
        plain["plan"] = path.parent / str(plain["plan"])
        names.pop("plan", None)
    return Request(kind, {names.get(key, key): value for key, value in plain.items()})
