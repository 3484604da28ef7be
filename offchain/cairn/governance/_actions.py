"""The table of named actions: for each, the call that it is, and the words that it has.

A kind names the contract and the function, its arguments, and how a call's arguments are had from
the action's and back. What has no row here has no plain words, and is shown as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from cairn.chain import (
    NATIVE_COIN,
    ZERO_ADDRESS,
    AccessPolicy,
    Call,
    Charter,
    Contract,
    DeviceRegistry,
    Distribution,
    Erc20,
    Governor,
    InferenceMarket,
    Mode,
    ModelRegistry,
    Node,
    PacketFeatures,
    ShareToken,
    StakeLedger,
    System,
    Timelock,
    TrainingRounds,
)
from cairn.domain.channels import CHANNEL_NAMES, channel_index
from cairn.domain.cid import Cid, CidError
from cairn.domain.losses import LossKind
from cairn.domain.text import alias_text, printable
from cairn.errors import CairnError
from cairn.governance._words import (
    Names,
    account_words,
    coin,
    count_words,
    duration,
    list_words,
    model_words,
    moment,
    percent,
    quoted,
    shares,
)

MAX_ACTIONS = 10
MAX_DATA = 1_024
"""The timelock's bounds: actions of a proposal, bytes of each."""

MAX_DEVICES = (MAX_DATA - 4 - 2 * 32) // 32
"""Sensors that one action admits or expels: 29."""

PRODUCTION = "production"


class ActionError(CairnError):
    """An action that cannot be; says what to change."""


class Type(Enum):
    """What an argument is: how it is written, and its value."""

    NUMBER = auto()  # an id, a version, a count
    ACCOUNT = auto()
    ACCOUNTS = auto()
    CURRENCY = auto()  # an address, or `coin`
    AMOUNT = auto()  # in whole coins of the `currency` argument
    PRICE = auto()  # in whole coins of the model's currency
    COIN = auto()  # of the native coin
    SHARES = auto()
    BPS = auto()  # parts of 10,000, or percent
    PERCENT = auto()  # whole ones
    SECONDS = auto()
    TIME = auto()
    TEXT = auto()
    ALIAS = auto()
    HASH = auto()  # 32 bytes
    CID = auto()
    TEXTS = auto()
    FLAG = auto()
    LIMIT = auto()  # `none`, or capacity,refill,period: 10,5,1h


@dataclass(frozen=True)
class Argument:
    name: str
    type: Type
    help: str
    default: str | None = None

    @property
    def option(self) -> str:
        """As a command line has it: `model_id` is `--model`, `window_s` is `--window`."""
        stem = self.name
        for ending in ("_id", "_s", "_wei"):
            stem = stem.removesuffix(ending)
        return "--" + stem.replace("_", "-")


Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Action:
    """What a proposal is to do: the kind's name, and a value for each of its arguments."""

    kind: str
    arguments: Arguments


@dataclass(frozen=True)
class Kind:
    name: str
    help: str
    contract: str
    """By its role: `registry`, `governor`, …; empty: see `spend`."""
    function: str
    arguments: tuple[Argument, ...]
    words: Callable[[Arguments, Names], str]
    pack: Callable[[Arguments], tuple[Any, ...]] | None = None
    """The function's arguments, if they are not the action's in order."""
    unpack: Callable[[tuple[Any, ...]], Arguments | None] | None = None
    """The action's arguments; None for a call that this action never makes."""
    check: Callable[[Arguments], str | None] = field(default=lambda _: None)
    """Why no such action can be; None if it can."""

    def packed(self, arguments: Arguments) -> tuple[Any, ...]:
        if self.pack is not None:
            return self.pack(arguments)
        return tuple(arguments[one.name] for one in self.arguments)

    def unpacked(self, values: tuple[Any, ...]) -> Arguments | None:
        if self.unpack is not None:
            return self.unpack(values)
        return {one.name: value for one, value in zip(self.arguments, values, strict=True)}


@dataclass(frozen=True)
class Contracts:
    """What an alliance's actions call: the shared contracts and its own, by their roles."""

    node: Node
    at: Mapping[str, Contract]

    @classmethod
    def of(
        cls, system: System, *, governor: str, timelock: str, shares: str, charter: str
    ) -> Contracts:
        node = system.node
        return cls(
            node,
            {
                "registry": system.models,
                "devices": system.devices,
                "rounds": system.rounds,
                "policies": system.policies,
                "market": system.market,
                "stakes": system.stakes,
                "packets": system.packets,
                "governor": Governor(node, governor),
                "timelock": Timelock(node, timelock),
                "shares": ShareToken(node, shares),
                "charter": Charter(node, charter),
            },
        )

    @classmethod
    def alike(cls, node: Node, addresses: Mapping[str, str]) -> Contracts:
        """The same over any node: encoding and decoding ask nothing of it."""
        return cls(node, {role: CLIENTS[role](node, addresses[role]) for role in CLIENTS})


CLIENTS: dict[str, type[Contract]] = {
    "registry": ModelRegistry,
    "devices": DeviceRegistry,
    "rounds": TrainingRounds,
    "policies": AccessPolicy,
    "market": InferenceMarket,
    "stakes": StakeLedger,
    "packets": PacketFeatures,
    "governor": Governor,
    "timelock": Timelock,
    "shares": ShareToken,
    "charter": Charter,
}


# --- words and arguments of single kinds -----------------------------------------------------


def alias_bytes(alias: str) -> bytes:
    """Raises ActionError for what no 32 bytes of UTF-8 hold."""
    raw = alias.encode("utf-8", "surrogateescape")
    if not raw or len(raw) > 32 or raw.endswith(b"\0"):
        raise ActionError(f"an alias {printable(alias)!r}: give 1 to 32 bytes")
    return raw.ljust(32, b"\0")


def _is_production(a: Arguments) -> bool:
    return bool(a["alias"] == PRODUCTION)


def _alias_words(a: Arguments, names: Names) -> str:
    where = model_words(a["model_id"], names)
    return f"point the alias {quoted(a['alias'])} of {where} at version {a['version']}"


def _unpack_alias(values: tuple[Any, ...]) -> Arguments | None:
    model_id, alias, version = values
    if not alias.rstrip(b"\0"):
        return None
    return {"model_id": model_id, "alias": alias_text(alias), "version": version}


def _unpack_promote(values: tuple[Any, ...]) -> Arguments | None:
    found = _unpack_alias(values)
    if found is None or not _is_production(found):
        return None
    return {"model_id": found["model_id"], "version": found["version"]}


def _terms_words(a: Arguments, names: Names) -> str:
    price = names.price_in(a["model_id"])
    rest = 10_000 - a["operator_bps"] - a["holders_bps"]
    who = (
        "anyone may ask"
        if a["policy_id"] == 0
        else f"only whom policy {a['policy_id']} admits may ask"
    )
    return (
        f"sell predictions of {model_words(a['model_id'], names)} at "
        f"{_money(price.text(a['price']))} each: {percent(a['operator_bps'])} to the operator, "
        f"{percent(a['holders_bps'])} to the shareholders, {percent(rest)} to the treasury; an answer "
        f"can be challenged for {duration(a['window_s'])} and locks {coin(a['lock_wei'])} of stake; {who}"
    )


def _money(text: str) -> str:
    """An amount whose currency named itself."""
    return printable(text)


def _min_stake_words(a: Arguments, names: Names) -> str:
    return (
        f"let nobody serve {model_words(a['model_id'], names)} with less than "
        f"{coin(a['min_stake_wei'])} of stake"
    )


_MAPPED = tuple(name for name in CHANNEL_NAMES if name != "temperature2")
"""Channels that may feed a model: `temperature2` is a copy."""


def _unpack_channels(values: tuple[Any, ...]) -> Arguments | None:
    model_id, places = values
    if any(place >= len(CHANNEL_NAMES) for place in places):
        return None
    return {"model_id": model_id, "channels": tuple(CHANNEL_NAMES[place] for place in places)}


def _check_channels(a: Arguments) -> str | None:
    found = a["channels"]
    if not 1 <= len(found) <= len(CHANNEL_NAMES):
        return f"{len(found)} channels: give 1 to {len(CHANNEL_NAMES)}, one a feature"
    unknown = [name for name in found if name not in _MAPPED]
    return f"channel {printable(unknown[0])!r} is none of {', '.join(_MAPPED)}" if unknown else None


def _channels_words(a: Arguments, names: Names) -> str:
    return (
        f"let sensors' packets feed {model_words(a['model_id'], names)}, once and for good: its "
        f"features are, in this order, {', '.join(a['channels'])}"
    )


def _create_model_words(a: Arguments, names: Names) -> str:
    return (
        f"create the model {quoted(a['name'])} on the shares "
        f"{account_words(a['share_token'], names)}; schema {cid_words(a['schema_cid'])} "
        f"(0x{a['schema_hash'].hex()})"
    )


def _check_create_model(a: Arguments) -> str | None:
    n = len(a["name"].encode("utf-8", "surrogateescape"))
    return None if 1 <= n <= 64 else f"a name of {n} bytes: give 1 to 64"


VERSION = (
    Argument("model_id", Type.NUMBER, "The model's id."),
    Argument("program_hash", Type.HASH, "keccak256 of the program."),
    Argument("program_cid", Type.CID, "Where the program is."),
    Argument("parameters_root", Type.HASH, "Of the parameters, if any.", "0x" + "00" * 32),
    Argument("data_root", Type.HASH, "Of the data it was trained on, if any.", "0x" + "00" * 32),
    Argument("card_cid", Type.CID, "Where its card is, if any.", ""),
    Argument("parent", Type.NUMBER, "The version it came from; 0: none.", "0"),
)


def _unpack_version(values: tuple[Any, ...]) -> Arguments | None:
    *given, round_id = values
    if round_id:
        return None  # only the training rounds name one
    return {one.name: value for one, value in zip(VERSION, given, strict=True)}


def _version_words(a: Arguments, names: Names) -> str:
    came = f"from version {a['parent']}" if a["parent"] else "from no other version"
    card = f"card {cid_words(a['card_cid'])}" if a["card_cid"] else "no card"
    return (
        f"register a version of {model_words(a['model_id'], names)}, {came}: program "
        f"{cid_words(a['program_cid'])} (0x{a['program_hash'].hex()}), {card}, parameters "
        f"0x{a['parameters_root'].hex()}, data 0x{a['data_root'].hex()}"
    )


def _check_terms(a: Arguments) -> str | None:
    if a["operator_bps"] + a["holders_bps"] > 10_000:
        return "the operator's and the shareholders' parts are more than all"
    return None


def _check_devices(a: Arguments) -> str | None:
    n = len(a["devices"])
    if not 1 <= n <= MAX_DEVICES:
        return f"{n} sensors: one action takes 1 to {MAX_DEVICES}"
    return None


def _devices_words(verb: str) -> Callable[[Arguments, Names], str]:
    def words(a: Arguments, _: Names) -> str:
        found = a["devices"]
        return f"{verb} {count_words(len(found), 'sensor')}: {list_words(found)}"

    return words


PLAN = (
    Argument("model_id", Type.NUMBER, "The model that the round trains."),
    Argument("base_version", Type.NUMBER, "The version that updates start from.", "0"),
    Argument("plan_hash", Type.HASH, "keccak256 of the plan's canonical JSON."),
    Argument("plan_cid", Type.CID, "Where the plan is."),
    Argument("share_pool", Type.SHARES, "Shares minted to whose updates are in it."),
    Argument("weight_cap", Type.NUMBER, "The most readings that count for one member."),
    Argument("submit_until", Type.TIME, "Until when members hand in."),
    Argument("aggregate_until", Type.TIME, "Until when the aggregate must be posted."),
    Argument("window_s", Type.SECONDS, "How long the aggregate can be challenged."),
    Argument("lock_wei", Type.COIN, "Stake that the aggregate locks."),
)


def _unpack_plan(values: tuple[Any, ...]) -> Arguments | None:
    (plan,) = values
    return {one.name: plan[one.name] for one in PLAN}


def _plan_words(a: Arguments, names: Names) -> str:
    base = f"from version {a['base_version']}" if a["base_version"] else "from nothing"
    return (
        f"open a training round on {model_words(a['model_id'], names)}, {base}: updates until "
        f"{moment(a['submit_until'])}, the aggregate until {moment(a['aggregate_until'])}; "
        f"{shares(a['share_pool'])} to those whose updates are in it, at most {a['weight_cap']:,} readings "
        f"counted for one; the aggregate can be challenged for {duration(a['window_s'])} and locks "
        f"{coin(a['lock_wei'])} of stake; plan {cid_words(a['plan_cid'])} "
        f"(0x{a['plan_hash'].hex()})"
    )


def cid_words(binary: bytes) -> str:
    """A CID as people write it; what is none, as it is."""
    try:
        return str(Cid.from_bytes(binary))
    except CidError:
        return f"0x{binary.hex()} (no CID)"


def _spend_words(a: Arguments, names: Names) -> str:
    currency, receiver = names.currency(a["currency"]), account_words(a["receiver"], names)
    amount = _money(currency.text(a["amount"]))
    if currency.is_native:
        return f"send {amount} from the treasury to {receiver}"
    known = names.account(a["currency"])
    token = f"{known} ({a['currency']})" if known else f"the token {a['currency']}"
    return f"send {amount} of {token} from the treasury to {receiver}"


def _check_spend(a: Arguments) -> str | None:
    if a["amount"] == 0:
        return "an amount of 0: there is nothing to send"
    if a["receiver"] == ZERO_ADDRESS:
        return "the receiver is the zero address, from which nothing returns"
    return None


def _setting(text: str, show: Callable[[int], str]) -> Callable[[Arguments, Names], str]:
    def words(a: Arguments, _: Names) -> str:
        (value,) = a.values()
        return f"{text} {show(value)}"

    return words


def _rule(
    name: str, contract: str, function: str, help: str, text: str, type: Type, show: Any
) -> Kind:
    """A setting of one argument, called like the action."""
    argument = Argument(name.replace("-", "_"), type, help)
    return Kind(name, help, contract, function, (argument,), _setting(text, show))


_MODES = {mode.name.lower(): mode for mode in Mode if mode.name}
_DISTRIBUTIONS = {one.name.lower(): one for one in Distribution if one.name}
_WHO = {
    "open": "anyone",
    "members": "who owns an admitted sensor",
    "listed": "whom the alliance lists",
    "holders": "who holds at least {threshold} units of the token {authority}",
    "voters": "who has votes of at least {threshold} units of the token {authority}",
    "bearers": "who shows a credential of {authority}",
}

POLICY = (
    Argument("mode", Type.TEXT, f"Who may ask: {', '.join(_MODES)}."),
    Argument("authority", Type.ACCOUNT, "The token or the issuer, if any.", ZERO_ADDRESS),
    Argument("threshold", Type.NUMBER, "Of the token, in its smallest unit.", "0"),
    Argument("per_caller", Type.LIMIT, "At once, more each period: 10,5,1h; or none.", "none"),
    Argument("in_all", Type.LIMIT, "The same of all callers together.", "none"),
    Argument("distribution", Type.TEXT, "Who may have the weights: anyone, admitted.", "anyone"),
    Argument("terms_hash", Type.HASH, "Of terms that callers must accept.", "0x" + "00" * 32),
    Argument("terms_cid", Type.CID, "Where those terms are.", ""),
)


def _pack_policy(a: Arguments) -> tuple[Any, ...]:
    values = {**a, "mode": int(_MODES[a["mode"]])}
    values["distribution"] = int(_DISTRIBUTIONS[a["distribution"]])
    return (tuple(values[one.name] for one in POLICY),)


def _unpack_policy(values: tuple[Any, ...]) -> Arguments | None:
    found = dict(values[0])
    modes = [name for name, mode in _MODES.items() if mode == found["mode"]]
    ways = [name for name, one in _DISTRIBUTIONS.items() if one == found["distribution"]]
    if not modes or not ways:
        return None
    limits = {
        name: tuple(found[name][part] for part in ("capacity", "refill", "period_s"))
        for name in ("per_caller", "in_all")
    }
    found = {**found, **limits, "mode": modes[0], "distribution": ways[0]}
    return {one.name: found[one.name] for one in POLICY}


def _check_policy(a: Arguments) -> str | None:
    if a["mode"] not in _MODES:
        return f"mode {printable(a['mode'])!r} is none of {', '.join(_MODES)}"
    if a["distribution"] not in _DISTRIBUTIONS:
        return "distribution is neither anyone nor admitted"
    return None


def limit_words(limit: tuple[int, int, int]) -> str:
    capacity, refill, period_s = limit
    if capacity == 0:
        return "without limit"
    return f"at most {capacity:,} at once, {refill:,} more every {duration(period_s)}"


def _policy_words(a: Arguments, _: Names) -> str:
    shown = f"write down a policy: {_WHO[a['mode']].format(**a)} may ask"
    if a["mode"] == "open" and (a["authority"] != ZERO_ADDRESS or a["threshold"]):
        shown += f" (with an authority {a['authority']} and a threshold {a['threshold']})"
    shown += f"; each {limit_words(a['per_caller'])}, all together {limit_words(a['in_all'])}; "
    shown += (
        "anyone may have the weights"
        if a["distribution"] == "anyone"
        else "only whom it admits may have the weights"
    )
    if any(a["terms_hash"]) or a["terms_cid"]:
        where = cid_words(a["terms_cid"]) if a["terms_cid"] else "nowhere"
        shown += f"; callers must accept the terms at {where} (0x{a['terms_hash'].hex()})"
    return shown


def _listing(is_listed: bool) -> Callable[[tuple[Any, ...]], Arguments | None]:
    def unpack(values: tuple[Any, ...]) -> Arguments | None:
        policy_id, callers, listed = values
        return {"policy_id": policy_id, "callers": callers} if listed is is_listed else None

    return unpack


def _check_callers(a: Arguments) -> str | None:
    n = len(a["callers"])
    most = (MAX_DATA - 4 - 4 * 32) // 32
    return None if 1 <= n <= most else f"{n} callers: one action takes 1 to {most}"


_LOSSES = {int(kind): kind.words for kind in LossKind}

RULE = (
    Argument("model_id", Type.NUMBER, "The model's id."),
    Argument("is_required", Type.FLAG, "Whether a version needs an evaluation: yes or no."),
    Argument("validation_root", Type.HASH, "Of which set; zero: any accepted.", "0x" + "00" * 32),
    Argument(
        "loss_kind",
        Type.NUMBER,
        ", ".join(f"{number} {kind}" for number, kind in _LOSSES.items()) + ".",
        "1",
    ),
    Argument("max_mean_loss", Type.NUMBER, "At most so much a row, in the kind's unit."),
    Argument("window_s", Type.SECONDS, "How long it must have been open to challenge."),
    Argument("lock_wei", Type.COIN, "Stake that must have been behind it."),
)


def _unpack_rule(values: tuple[Any, ...]) -> Arguments | None:
    model_id, rule = values
    return {"model_id": model_id, **{one.name: rule[one.name] for one in RULE[1:]}}


def _rule_words(a: Arguments, names: Names) -> str:
    kind = _LOSSES.get(a["loss_kind"], f"loss of kind {a['loss_kind']}")
    root = a["validation_root"]
    which = f"the set 0x{root.hex()}" if any(root) else "a set that the alliance accepted"
    what = (
        f"an evaluation on {which}: a mean {kind} of at most {a['max_mean_loss']:,} units a row, open "
        f"to challenge for {duration(a['window_s'])}, with {coin(a['lock_wei'])} of stake behind it"
    )
    need = "need" if a["is_required"] else "no longer need"
    return (
        f"let versions of {model_words(a['model_id'], names)} {need}, to become production, {what}"
    )


def _set_words(a: Arguments, names: Names) -> str:
    where = f" ({cid_words(a['cid'])})" if a["cid"] else " (its file is sealed)"
    verb = "accept" if a["accepted"] else "no longer accept"
    return (
        f"{verb} the validation set 0x{a['validation_root'].hex()}{where} for evaluations of "
        f"{model_words(a['model_id'], names)}"
    )


def _deprecate_words(a: Arguments, names: Names) -> str:
    model = model_words(a["model_id"], names)
    what = f"version {a['version']} of {model}" if a["version"] else f"all of {model}"
    return f"take {what} out of use for good, and off sale: {quoted(a['reason'])}"


def _tags_words(verb: str, way: str) -> Callable[[Arguments, Names], str]:
    def words(a: Arguments, names: Names) -> str:
        tags = ", ".join(map(quoted, a["tags"]))
        return f"{verb} {tags} {way} the tags of {model_words(a['model_id'], names)}"

    return words


def _check_tags(a: Arguments) -> str | None:
    if not 1 <= len(a["tags"]) <= 16:
        return f"{len(a['tags'])} tags: give 1 to 16"
    long = [tag for tag in a["tags"] if not 1 <= len(tag.encode("utf-8", "surrogateescape")) <= 32]
    return f"tag {printable(long[0])!r}: give 1 to 32 bytes" if long else None


RULES = (
    _rule(
        "voting-delay", "governor", "setVotingDelay", "From a proposal to its vote.",
        "change the time from a proposal to its vote to", Type.SECONDS, duration,
    ),
    _rule(
        "voting-period", "governor", "setVotingPeriod", "How long a vote is open.",
        "change the time that a vote is open to", Type.SECONDS, duration,
    ),
    _rule(
        "proposal-threshold", "governor", "setProposalThreshold", "Votes that a proposer needs.",
        "change the votes that a proposer needs to those of", Type.SHARES, shares,
    ),
    _rule(
        "quorum", "governor", "updateQuorumNumerator", "Percent of the supply that must take part.",
        "change the part of all votes that must take part to", Type.PERCENT, lambda n: f"{n} %",
    ),
    _rule(
        "vote-extension", "governor", "setLateQuorumVoteExtension",
        "How much longer a vote is open whose quorum comes late.",
        "change how long a vote stays open after a late quorum to", Type.SECONDS, duration,
    ),
    _rule(
        "timelock-delay", "timelock", "updateDelay", "From a decision to its execution.",
        "change the time from a decision to its execution to", Type.SECONDS, duration,
    ),
    _rule(
        "share-cap", "shares", "set_cap", "The most shares that may exist.",
        "change the most shares that may exist to", Type.SHARES, shares,
    ),
    _rule(
        "constitution", "charter", "amend", "CID of the alliance's rules in words.",
        "replace the constitution by the text", Type.CID, cid_words,
    ),
)  # fmt: skip
"""What `rules` changes, each by itself or together."""

_MODEL = Argument("model_id", Type.NUMBER, "The model's id.")
_VERSION = Argument("version", Type.NUMBER, "The version's number.")
_DEVICES = Argument("devices", Type.ACCOUNTS, "Sensors: 0x…, did:io:0x… or io1….")
_TAGS = Argument("tags", Type.TEXTS, "Words such as air-quality.")
_CALLERS = (
    Argument("policy_id", Type.NUMBER, "The policy's id."),
    Argument("callers", Type.ACCOUNTS, "Addresses."),
)
_TERMS = (
    _MODEL,
    Argument("price", Type.PRICE, "Of a prediction, in whole coins of the model's currency."),
    Argument("operator_bps", Type.BPS, "The operator's part: 30% or 3000."),
    Argument("holders_bps", Type.BPS, "The shareholders' part; the rest is the treasury's."),
    Argument("window_s", Type.SECONDS, "How long an answer can be challenged."),
    Argument("lock_wei", Type.COIN, "Stake that each answer locks."),
    Argument("policy_id", Type.NUMBER, "Who may ask; 0: anyone.", "0"),
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "promote", "Make a version of a model the one that is sold.", "registry", "set_alias",
            (_MODEL, _VERSION),
            lambda a, names: (
                f"make version {a['version']} of {model_words(a['model_id'], names)} production"
            ),
            lambda a: (a["model_id"], alias_bytes(PRODUCTION), a["version"]),
            _unpack_promote,
        ),
        Kind(
            "alias", "Point another alias of a model at a version.", "registry", "set_alias",
            (_MODEL, Argument("alias", Type.ALIAS, "Such as candidate."), _VERSION),
            _alias_words,
            lambda a: (a["model_id"], alias_bytes(a["alias"]), a["version"]),
            _unpack_alias,
            lambda a: "use `promote` for production" if _is_production(a) else None,
        ),
        Kind(
            "terms", "Set the terms on which a model's production version is sold.",
            "registry", "set_terms", _TERMS, _terms_words, check=_check_terms,
        ),
        Kind(
            "end-sale", "Take a model off sale.", "registry", "end_sale", (_MODEL,),
            lambda a, names: f"take {model_words(a['model_id'], names)} off sale",
        ),
        Kind(
            "deprecate", "Take a version, or a whole model, out of use for good.",
            "registry", "deprecate",
            (
                _MODEL, Argument("version", Type.NUMBER, "0: the whole model."),
                Argument("reason", Type.TEXT, "Why, for those who use it."),
            ),
            _deprecate_words,
        ),
        Kind(
            "tag", "Add tags by which a model is found.", "registry", "tag", (_MODEL, _TAGS),
            _tags_words("add", "to"), check=_check_tags,
        ),
        Kind(
            "untag", "Take tags off a model.", "registry", "untag", (_MODEL, _TAGS),
            _tags_words("take", "off"), check=_check_tags,
        ),
        Kind(
            "evaluation-rule", "Say which evaluation a version needs to become production.",
            "registry", "set_evaluation_rule", RULE, _rule_words,
            lambda a: (a["model_id"], tuple(a[one.name] for one in RULE[1:])), _unpack_rule,
        ),
        Kind(
            "validation-set", "Accept a validation set for evaluations, or no longer.",
            "registry", "accept_validation_set",
            (
                _MODEL, Argument("validation_root", Type.HASH, "Of the rows and their number."),
                Argument("cid", Type.CID, "Of its file; none while it is sealed.", ""),
                Argument("accepted", Type.FLAG, "yes or no.", "yes"),
            ),
            _set_words,
        ),
        Kind(
            "create-model", "Create a model.", "registry", "create_model",
            (
                Argument("name", Type.TEXT, "What people call it."),
                Argument("share_token", Type.ACCOUNT, "The alliance's shares, which earn by it."),
                Argument("schema_hash", Type.HASH, "keccak256 of the schema's canonical JSON."),
                Argument("schema_cid", Type.CID, "Where the schema is."),
            ),
            _create_model_words, check=_check_create_model,
        ),
        Kind(
            "register-version", "Register a version of a model.", "registry", "register_version",
            VERSION, _version_words, lambda a: (*(a[one.name] for one in VERSION), 0),
            _unpack_version,
        ),
        Kind(
            "min-stake", "Set the stake without which nobody serves a model.",
            "stakes", "set_min_stake",
            (_MODEL, Argument("min_stake_wei", Type.COIN, "From 1 to 1,000 coin.")),
            _min_stake_words,
        ),
        Kind(
            "packet-channels", "Say which channels of sensors' packets feed a model, once.",
            "packets", "set_channels",
            (_MODEL, Argument("channels", Type.TEXTS, "A feature's each, as the schema has them.")),
            _channels_words,
            lambda a: (a["model_id"], bytes(map(channel_index, a["channels"]))),
            _unpack_channels, _check_channels,
        ),
        Kind(
            "admit", "Admit sensors to the alliance.", "devices", "admit", (_DEVICES,),
            _devices_words("admit"), check=_check_devices,
        ),
        Kind(
            "expel", "Put sensors out of the alliance.", "devices", "expel", (_DEVICES,),
            _devices_words("expel"), check=_check_devices,
        ),
        Kind(
            "open-round", "Open a training round.", "rounds", "open", PLAN, _plan_words,
            lambda a: (tuple(a[one.name] for one in PLAN),), _unpack_plan,
        ),
        Kind(
            "cancel-round", "Withdraw a training round that is not finalized.", "rounds", "cancel",
            (Argument("round_id", Type.NUMBER, "The round's id."),),
            lambda a, _: f"withdraw training round {a['round_id']}",
        ),
        Kind(
            "spend", "Send coin or tokens from the treasury.", "", "transfer",
            (
                Argument("receiver", Type.ACCOUNT, "Who is paid."),
                Argument("currency", Type.CURRENCY, "A token's address, or coin.", "coin"),
                Argument("amount", Type.AMOUNT, "In whole coins of the currency."),
            ),
            _spend_words, check=_check_spend,
        ),
        Kind(
            "mint", "Mint shares, under the cap.", "shares", "mint",
            (
                Argument("receiver", Type.ACCOUNT, "Whose they are."),
                Argument("amount", Type.SHARES, "In whole shares."),
            ),
            lambda a, names: (
                f"mint {shares(a['amount'])} for {account_words(a['receiver'], names)}"
            ),
        ),
        Kind(
            "create-policy", "Write down who may ask, how often, on which terms.",
            "policies", "create_policy", POLICY, _policy_words, _pack_policy, _unpack_policy,
            _check_policy,
        ),
        Kind(
            "list-callers", "Put callers on a policy's list.", "policies", "set_listed", _CALLERS,
            lambda a, _: (
                f"put {count_words(len(a['callers']), 'caller')} on the list of policy "
                f"{a['policy_id']}: {list_words(a['callers'])}"
            ),
            lambda a: (a["policy_id"], a["callers"], True), _listing(True), _check_callers,
        ),
        Kind(
            "unlist-callers", "Take callers off a policy's list.",
            "policies", "set_listed", _CALLERS,
            lambda a, _: (
                f"take {count_words(len(a['callers']), 'caller')} off the list of policy "
                f"{a['policy_id']}: {list_words(a['callers'])}"
            ),
            lambda a: (a["policy_id"], a["callers"], False), _listing(False), _check_callers,
        ),
        *RULES,
    )
}  # fmt: skip
"""All kinds. Where two make calls of one function, the first whose `unpack` takes it names it."""


# --- an action as a call, and a call as an action --------------------------------------------


def build(action: Action, contracts: Contracts) -> Call:
    """The call that the timelock is to make. Raises ActionError with what to change."""
    kind = KINDS[action.kind]
    wrong = kind.check(action.arguments)
    if wrong:
        raise ActionError(f"{kind.name}: {wrong}")
    if kind.contract:
        call = contracts.at[kind.contract].call(kind.function, *kind.packed(action.arguments))
    else:
        call = _spend(action.arguments, contracts)
    if len(call.data) > MAX_DATA:
        raise ActionError(f"{kind.name}: {len(call.data)} bytes, an action has at most {MAX_DATA}")
    return call


def recognise(call: Call, contracts: Contracts) -> Action | None:
    """The action that makes exactly this call; None if none does."""
    role = role_of(call.to, contracts)
    if not call.data:
        found = {"receiver": call.to, "currency": NATIVE_COIN, "amount": call.value}
        return _checked("spend", found) if call.value else None
    if call.value:
        return None
    if role is not None:
        said = contracts.at[role].read_call(call.data)
        if said is not None:
            for kind in KINDS.values():
                if (kind.contract, kind.function) == (role, said[0]):
                    arguments = kind.unpacked(said[1])
                    if arguments is not None:
                        return _checked(kind.name, arguments)
    if role in (None, "shares"):
        said = Erc20(contracts.node, call.to).read_call(call.data)
        if said is not None and said[0] == "transfer":
            receiver, amount = said[1]
            return _checked("spend", {"receiver": receiver, "currency": call.to, "amount": amount})
    return None


def _checked(name: str, arguments: Arguments) -> Action | None:
    """What cannot be built is not recognised either."""
    return None if KINDS[name].check(arguments) else Action(name, arguments)


def role_of(address: str, contracts: Contracts) -> str | None:
    return next((role for role, one in contracts.at.items() if one.address == address), None)


def _spend(a: Arguments, contracts: Contracts) -> Call:
    if a["currency"] == NATIVE_COIN:
        return Call(a["receiver"], b"", a["amount"], "send coin")
    return Erc20(contracts.node, a["currency"]).transfer(a["receiver"], a["amount"])


def words(action: Action, names: Names) -> str:
    """What an action does, for people."""
    return KINDS[action.kind].words(action.arguments, names)


def chunks(name: str, devices: Sequence[str]) -> list[Action]:
    """Admitting or expelling any number of sensors, in actions that fit the timelock's bounds."""
    return [
        Action(name, {"devices": tuple(devices[first : first + MAX_DEVICES])})
        for first in range(0, len(devices), MAX_DEVICES)
    ]
