"""Actions as calls and back: the same action, the same words; and what is not understood."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.chain import NATIVE_COIN, ZERO_ADDRESS, Call
from cairn.chain.fakes import FakeChain
from cairn.domain.channels import CHANNEL_NAMES
from cairn.governance import (
    KINDS,
    MAX_DATA,
    MAX_DEVICES,
    Action,
    ActionError,
    Argument,
    Contracts,
    Type,
    build,
    chunks,
    compose,
    describe,
    parse,
    promised,
    recognise,
    words,
)
from cairn.governance._actions import CLIENTS
from cairn.governance._words import parse_duration
from cairn.governance.fakes import FakeNames

PLACES = {role: f"0x{number:040x}" for number, role in enumerate(CLIENTS, start=0xA0)}
CONTRACTS = Contracts.alike(FakeChain(), PLACES)
NAMES = FakeNames({1: "air-quality", 2: "odd `name`\n\x1b"})
NOW = 1_800_000_000
STRANGER = "0x" + "77" * 20
TOKEN = "0x" + "66" * 20


def account() -> st.SearchStrategy[str]:
    raw = st.binary(min_size=20, max_size=20).filter(any)
    return raw.map(lambda one: str(to_checksum_address(one)))


def number(bits: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, 5), st.integers(0, 2**bits - 1))


def value_of(kind: str, argument: Argument) -> st.SearchStrategy[Any]:
    """Anything that the argument may be, within what its function's type holds."""
    if argument.name == "mode":
        return st.sampled_from(["open", "members", "listed", "holders", "voters", "bearers"])
    if argument.name == "distribution":
        return st.sampled_from(["anyone", "admitted"])
    if argument.name == "channels":
        names = st.sampled_from([name for name in CHANNEL_NAMES if name != "temperature2"])
        return st.lists(names, min_size=1, max_size=16).map(tuple)
    if (kind, argument.name) == ("create-model", "name"):
        return st.text(min_size=1, max_size=16)
    wide = {Type.NUMBER: 256, Type.AMOUNT: 256, Type.PRICE: 256, Type.COIN: 256, Type.SHARES: 256}
    few = account().flatmap(
        lambda one: st.lists(account(), max_size=27).map(lambda more: (one, *more))
    )
    return {
        **{type_: number(bits) for type_, bits in wide.items()},
        Type.BPS: st.integers(0, 5_000),
        Type.PERCENT: number(256),
        Type.SECONDS: number(32 if kind == "voting-period" else 48),
        Type.TIME: number(256),
        Type.ACCOUNT: account(),
        Type.ACCOUNTS: few.map(lambda found: found[:27]),
        Type.CURRENCY: st.one_of(st.just(NATIVE_COIN), account()),
        Type.TEXT: st.text(max_size=20),
        Type.ALIAS: st.text(min_size=1, max_size=8).filter(
            lambda one: one != "production" and not one.endswith("\0")
        ),
        Type.HASH: st.binary(min_size=32, max_size=32),
        Type.CID: st.binary(max_size=36),
        Type.FLAG: st.booleans(),
        Type.TEXTS: st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6).map(tuple),
        Type.LIMIT: st.tuples(number(32), number(32), number(32)),
    }[argument.type]


@st.composite
def actions(draw: st.DrawFn) -> Action:
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    found = {one.name: draw(value_of(kind.name, one)) for one in kind.arguments}
    if kind.name == "spend":
        found["amount"] = max(1, found["amount"])
    return Action(kind.name, found)


@settings(max_examples=400, deadline=None)
@given(actions())
def test_build__any_action__is_recognised_with_the_same_words(action: Action) -> None:
    call = build(action, CONTRACTS)
    assert len(call.data) <= MAX_DATA
    assert recognise(call, CONTRACTS) == action
    said = describe(call, CONTRACTS, NAMES)
    assert said.action == action and said.words == words(action, NAMES)
    assert said.words.isprintable()


@settings(max_examples=400, deadline=None)
@given(actions(), st.data())
def test_describe__tampered_call__is_shown_as_what_it_is(
    action: Action, data: st.DataObject
) -> None:
    """Whatever is changed in a call: the words are those of an action that makes exactly this call,
    or there is a warning, and the bytes are shown."""
    call = build(action, CONTRACTS)
    to, raw, value = call.to, call.data, call.value
    how = data.draw(st.sampled_from(["byte", "longer", "shorter", "value", "target"]))
    if how == "byte" and raw:
        at = data.draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
    elif how == "longer":
        raw += data.draw(st.binary(min_size=1, max_size=40))
    elif how == "shorter":
        raw = raw[: data.draw(st.integers(0, max(0, len(raw) - 1)))]
    elif how == "value":
        value += data.draw(st.integers(1, 2**128))
    else:
        to = data.draw(st.sampled_from([*PLACES.values(), STRANGER]))
        to = Call(to, b"").to
    changed = Call(
        Contracts.alike(FakeChain(), {**PLACES, "market": to}).at["market"].address, raw, value
    )
    said = describe(changed, CONTRACTS, NAMES)
    if said.action is None:
        assert said.warnings
        assert any(raw.hex() in detail and changed.to in detail for detail in said.details)
    else:
        again = build(said.action, CONTRACTS)
        assert (again.to, again.data, again.value) == (changed.to, raw, value)
        assert said.words == words(said.action, NAMES)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (
            Action("promote", {"model_id": 1, "version": 2}),
            "make version 2 of model 1 `air-quality` production",
        ),
        (
            Action("promote", {"model_id": 2, "version": 2}),
            "make version 2 of model 2 `odd 'name'\\n\\x1b` production",
        ),
        (
            Action("alias", {"model_id": 3, "alias": "candidate", "version": 1}),
            "point the alias `candidate` of model 3 (there is none yet) at version 1",
        ),
        (
            Action(
                "terms",
                {
                    "model_id": 1, "price": 5 * 10**17, "operator_bps": 3_000, "holders_bps": 5_050,
                    "window_s": 5_400, "lock_wei": 2 * 10**18, "policy_id": 4,
                },
            ),
            "sell predictions of model 1 `air-quality` at 0.5 coin each: 30 % to the operator, 50.5 % "
            "to the shareholders, 19.5 % to the treasury; an answer can be challenged for 1 hour 30 "
            "minutes and locks 2 coin of stake; only whom policy 4 admits may ask",
        ),
        (
            Action("expel", {"devices": (STRANGER,)}),
            f"expel 1 sensor: {STRANGER}",
        ),
        (
            Action("spend", {"receiver": STRANGER, "currency": NATIVE_COIN, "amount": 10**18}),
            f"send 1 coin from the treasury to {STRANGER}",
        ),
        (
            Action("spend", {"receiver": STRANGER, "currency": TOKEN, "amount": 2_500_000}),
            f"send 2.5 USD of the token {TOKEN} from the treasury to {STRANGER}",
        ),
        (
            Action("voting-period", {"voting_period": 3 * 86_400}),
            "change the time that a vote is open to 3 days",
        ),
        (Action("quorum", {"quorum": 20}), "change the part of all votes that must take part to 20 %"),
        (
            Action("mint", {"receiver": STRANGER, "amount": 10**18}),
            f"mint 1 share for {STRANGER}",
        ),
        (
            Action("min-stake", {"model_id": 1, "min_stake_wei": 25 * 10**17}),
            "let nobody serve model 1 `air-quality` with less than 2.5 coin of stake",
        ),
        (
            Action("packet-channels", {"model_id": 1, "channels": ("light", "temperature")}),
            "let sensors' packets feed model 1 `air-quality`, once and for good: its features are, in "
            "this order, light, temperature",
        ),
    ],
)  # fmt: skip
def test_words__are_plain(action: Action, said: str) -> None:
    assert words(action, NAMES) == said
    assert describe(build(action, CONTRACTS), CONTRACTS, NAMES).words == said


def test_describe__function_without_words__is_shown_with_its_arguments() -> None:
    call = CONTRACTS.at["governor"].call("relay", STRANGER, 5, b"\1\2")
    said = describe(call, CONTRACTS, NAMES)
    assert (
        said.action is None and said.words == f"call relay({STRANGER}, 5, 0x0102) of the governor"
    )
    assert "no named action" in said.warnings[0]


@pytest.mark.parametrize("places", [b"", b"\x09", b"\x10", bytes(17)])
def test_describe__channels_that_no_model_has__are_shown_with_a_warning(places: bytes) -> None:
    call = CONTRACTS.at["packets"].call("set_channels", 1, places)
    said = describe(call, CONTRACTS, NAMES)
    assert said.action is None and said.warnings


def test_describe__version_that_names_a_round__is_no_named_action() -> None:
    action = Action(
        "register-version",
        {
            "model_id": 1, "program_hash": b"\1" * 32, "program_cid": b"\1", "parent": 0,
            "parameters_root": bytes(32), "data_root": bytes(32), "card_cid": b"",
        },
    )  # fmt: skip
    assert recognise(build(action, CONTRACTS), CONTRACTS) == action
    values = KINDS["register-version"].packed(action.arguments)
    of_a_round = CONTRACTS.at["registry"].call("register_version", *values[:-1], 7)
    assert recognise(of_a_round, CONTRACTS) is None


def test_describe__contract_that_nobody_knows__says_so() -> None:
    said = describe(Call(STRANGER, b"\1\2\3\4\5", 10**18), CONTRACTS, NAMES)
    assert said.words == f"call {STRANGER} with 5 bytes of data, sending 1 coin along"
    assert "neither the contract nor the call is known" in said.warnings[0]
    assert said.details == (f"to {STRANGER}, 1 coin, data 0x0102030405",)


def test_describe__a_token_of_any_name__is_doubted() -> None:
    action = Action("spend", {"receiver": STRANGER, "currency": TOKEN, "amount": 1})
    said = describe(build(action, CONTRACTS), CONTRACTS, NAMES)
    assert "any contract may call itself 'USD'" in said.warnings[0]
    own = Action(
        "spend", {"receiver": STRANGER, "currency": CONTRACTS.at["shares"].address, "amount": 1}
    )
    known = FakeNames({}, accounts={CONTRACTS.at["shares"].address: "the alliance's shares"})
    assert describe(build(own, CONTRACTS), CONTRACTS, known).warnings == ()


def test_chunks__any_number_of_sensors__fits_the_timelock() -> None:
    devices = [str(to_checksum_address(f"0x{number:040x}")) for number in range(1, 291)]
    found = chunks("expel", devices)
    assert len(found) == 10 and MAX_DEVICES == 29
    assert [one for action in found for one in action.arguments["devices"]] == devices
    assert {len(build(action, CONTRACTS).data) for action in found} == {4 + 64 + 29 * 32}
    # Ten such actions' words still fit a description.
    assert compose("Expel", [words(action, NAMES) for action in found], STRANGER)
    [detailed] = {describe(build(found[0], CONTRACTS), CONTRACTS, NAMES).details}
    assert list(detailed) == devices[:29]


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Action("expel", {"devices": ()}), "0 sensors"),
        (Action("admit", {"devices": (STRANGER,) * 30}), "30 sensors"),
        (Action("alias", {"model_id": 1, "alias": "production", "version": 1}), "use `promote`"),
        (Action("alias", {"model_id": 1, "alias": "x" * 33, "version": 1}), "1 to 32 bytes"),
        (Action("spend", {"receiver": STRANGER, "currency": NATIVE_COIN, "amount": 0}), "nothing"),
        (Action("packet-channels", {"model_id": 1, "channels": ()}), "0 channels"),
        (
            Action("packet-channels", {"model_id": 1, "channels": ("temperature2",)}),
            "is none of snr",
        ),
        (Action("spend", {"receiver": ZERO_ADDRESS, "currency": NATIVE_COIN, "amount": 1}), "zero"),
    ],
)
def test_build__what_cannot_be__says_what_to_change(action: Action, reason: str) -> None:
    with pytest.raises(ActionError, match=reason):
        build(action, CONTRACTS)


# --- as people write them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "arguments"),
    [
        ("promote", {"model_id": "1", "version": 2}, {"model_id": 1, "version": 2}),
        (
            "terms",
            {
                "model_id": "1", "price": "0.5", "operator_bps": "30%", "holders_bps": "5050",
                "window_s": "1h 30m", "lock_wei": "2",
            },
            {
                "model_id": 1, "price": 5 * 10**17, "operator_bps": 3_000, "holders_bps": 5_050,
                "window_s": 5_400, "lock_wei": 2 * 10**18, "policy_id": 0,
            },
        ),
        (
            "spend",
            {"receiver": STRANGER, "currency": TOKEN, "amount": "2.5"},
            {"receiver": STRANGER, "currency": TOKEN, "amount": 2_500_000},
        ),
        (
            "admit",
            {"devices": f"did:io:{STRANGER} {TOKEN}"},
            {"devices": (STRANGER, TOKEN)},
        ),
        ("timelock-delay", {"timelock_delay": "2d"}, {"timelock_delay": 172_800}),
        ("voting-delay", {"voting_delay": "1,440m"}, {"voting_delay": 86_400}),
        ("quorum", {"quorum": "20 %"}, {"quorum": 20}),
        ("min-stake", {"model_id": "1", "min_stake_wei": "2.5"}, {"model_id": 1, "min_stake_wei": 25 * 10**17}),
        (
            "packet-channels",
            {"model_id": "1", "channels": "temperature light"},
            {"model_id": 1, "channels": ("temperature", "light")},
        ),
    ],
)  # fmt: skip
def test_parse__as_people_write__is_the_value(
    name: str, given: dict[str, Any], arguments: dict[str, Any]
) -> None:
    assert parse(name, given, NAMES, NOW) == Action(name, arguments)


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("fly", {}, "no action is called 'fly'"),
        ("promote", {"model_id": "1"}, "promote lacks version"),
        ("promote", {"model_id": "1", "version": "1", "alias": "x"}, "takes no alias"),
        ("promote", {"model_id": "-1", "version": "1"}, "whole number"),
        ("end-sale", {"model_id": str(2**256)}, "whole number"),
        ("spend", {"receiver": "0x12", "amount": "1"}, "is no address"),
        ("spend", {"receiver": STRANGER, "amount": "0.0000000000000000001"}, "18 decimals"),
        ("voting-delay", {"voting_delay": "soon"}, "not a time"),
        ("voting-delay", {"voting_delay": "1,5h"}, "not a time"),
        ("packet-channels", {"model_id": "1", "channels": "heat"}, "'heat' is none of"),
        ("quorum", {"quorum": "a fifth"}, "whole number"),
        ("constitution", {"constitution": "no cid"}, "constitution"),
        ("create-policy", {"mode": "friends"}, "none of open"),
        ("create-policy", {"mode": "open", "per_caller": "10,5"}, "10,5,1h"),
    ],
)
def test_parse__what_is_none__names_the_argument(
    name: str, given: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ActionError, match=reason):
        parse(name, given, NAMES, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1,440", 1_440), ("1,000,000 seconds", 1_000_000), ("1 day 2 hours", 93_600)],
)
def test_parse_duration__with_thousands__is_exact(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["1,5h", "1,50h", "0,500h", "1,5000s", "1000,000s", "2d, 12h", ",5h", "1,000,5h", "1.5h"],
)
def test_parse_duration__any_other_comma__is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_duration(text)


def test_parse__time__is_counted_from_the_chains_clock() -> None:
    given = {
        "model_id": "1", "plan_hash": "0x" + "11" * 32, "share_pool": "300", "weight_cap": "4032",
        "plan_cid": "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
        "submit_until": "+10d", "aggregate_until": "2027-02-01T12:00Z", "window_s": "1h",
        "lock_wei": "2",
    }  # fmt: skip
    action = parse("open-round", given, NAMES, NOW)
    assert action.arguments["submit_until"] == NOW + 864_000
    assert action.arguments["aggregate_until"] == 1_801_483_200
    said = words(action, NAMES)
    assert "model 1 `air-quality`, from nothing: updates until 2027-01-25 08:00:00 UTC" in said
    assert "300 shares" in said and "4,032 readings" in said and "bafkreigh2ak" in said


def test_compose__lists_the_words__and_they_are_found_again() -> None:
    text = compose("Title", ["do this", "do that"], "0xAB", "because")
    assert text == "Title\n\nbecause\n\n- do this\n- do that\n#proposer=0xab"
    assert promised(text) == ["do this", "do that"]
    with pytest.raises(ActionError, match="4096"):
        compose("Title", ["x" * 4_090], "0xAB")
