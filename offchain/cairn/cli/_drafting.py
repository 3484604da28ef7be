"""What an alliance is asked to decide: its desk, and actions as they were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from eth_utils.address import is_address, to_checksum_address

from cairn.catalog import Alliance, Catalog, CatalogSettings, Proposal, open_catalog
from cairn.chain import Call, Currencies, DeploymentError, Governor, System
from cairn.devices import list_devices
from cairn.domain.text import printable
from cairn.errors import CairnError
from cairn.governance import (
    KINDS,
    MAX_ACTIONS,
    MAX_DEVICES,
    Action,
    ActionError,
    ChainNames,
    Contracts,
    Described,
    Type,
    check_known,
    chunks,
    describe,
    parse,
    parse_arguments,
)
from cairn.governance import Argument as ActionArgument

POLICY_CHANGE: tuple[ActionArgument, ...] = (
    ActionArgument("model_id", Type.NUMBER, "The model's id."),
    ActionArgument("policy_id", Type.NUMBER, "Who may ask; 0: anyone."),
)


@dataclass(frozen=True)
class Request:
    """An action as it was asked for, its arguments texts."""

    kind: str
    given: Mapping[str, Any]


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
        return [describe(call, self.contracts, self.names) for call in calls_of(proposal)]


def calls_of(proposal: Proposal) -> list[Call]:
    """What a proposal would have the timelock do."""
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
