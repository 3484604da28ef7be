"""What is so now, by the events that were said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cairn.catalog import Catalog, Move
from cairn.catalog.fakes import FakeWorld
from cairn.chain import (
    AliasSet,
    AllianceLaunched,
    ConstitutionAmended,
    Deprecated,
    EvaluationPosted,
    EvaluationRuleSet,
    EvaluationSettled,
    EvaluationVoided,
    ListingWithdrawn,
    MinStakeSet,
    ModelCreated,
    OperatorListed,
    OptedIn,
    OptedOut,
    ProposalCanceled,
    ProposalCreated,
    ProposalExecuted,
    ProposalExtended,
    ProposalQueued,
    SaleEnded,
    Slashed,
    Staked,
    Tagged,
    TermsSet,
    UnbondingStarted,
    Untagged,
    VersionQualified,
    VersionRegistered,
    VoteCast,
    VoteCastWithParams,
    Withdrawn,
)

COIN = 10**18
SOME = bytes([1]) * 32
ONE, TWO, THREE = ("0x" + digit * 40 for digit in "123")
Read = Callable[[], Catalog]


def alias(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


@pytest.fixture
def air(world: FakeWorld) -> AllianceLaunched:
    return world.launch(1, "Air of the Valleys")


@pytest.fixture
def shop(world: FakeWorld, air: AllianceLaunched) -> FakeWorld:
    """Model 1, of Air, has two versions and is on sale; model 2, of a stranger, has none."""
    say = world.registry.say
    say(ModelCreated(1, air.alliance, air.shares, air.currency, "air-quality", SOME, SOME))
    say(ModelCreated(2, ONE, TWO, THREE, "rivers", SOME, SOME))
    for version in (1, 2):
        say(VersionRegistered(1, version, bytes([version]) * 32, SOME, SOME, SOME, b"", 0, version))
        say(AliasSet(1, alias("candidate"), version))
    say(AliasSet(1, alias("production"), 1))
    say(TermsSet(1, 1, 1, 5 * COIN, 3_000, 5_000, 600, COIN, 4))
    return world


def ids(catalog: Catalog, **wanted: object) -> list[int]:
    return [one.model_id for one in catalog.models(**wanted)]  # type: ignore[arg-type]


def test_models__by_what_is_so_now__are_found(shop: FakeWorld, catalog: Read, air) -> None:
    found = catalog()
    assert ids(found) == [1, 2]
    assert ids(found, text="AIR") == ids(found, text="valleys") == [1]
    assert ids(found, text="river") == [2]
    assert ids(found, alliance=air.name) == ids(found, alliance=air.alliance) == [1]
    assert ids(found, alliance=ONE) == [2]
    assert ids(found, alias="candidate") == [1]
    assert ids(found, alias="staging") == []
    assert ids(found, on_sale=True) == [1]
    assert ids(found, on_sale=False, text="a") == []
    [model] = found.models(on_sale=True)
    assert model.aliases == {"candidate": 2, "production": 1}
    assert model.versions == 2 and model.sale is not None
    assert (model.sale.terms_id, model.sale.price, model.sale.policy_id) == (1, 5 * COIN, 4)
    assert model.created_at == shop.chain.blocks[3].timestamp


def test_models__sale_ended_and_begun_anew__is_what_came_last(
    shop: FakeWorld, catalog: Read
) -> None:
    shop.registry.say(SaleEnded(1))
    assert ids(catalog(), on_sale=True) == []
    shop.registry.say(TermsSet(1, 2, 2, 7, 0, 0, 600, COIN, 0))
    [model] = catalog().models(on_sale=True)
    assert model.sale is not None and (model.sale.version, model.sale.price) == (2, 7)
    assert [sale.price for _, sale in catalog().terms(1)] == [5 * COIN, 7]


def test_history__of_aliases__has_every_move_with_its_time(shop: FakeWorld, catalog: Read) -> None:
    shop.registry.say(AliasSet(1, alias("production"), 2))
    now = shop.chain.blocks[-1].timestamp
    found = catalog().history(1)
    assert [(one.alias, one.version) for one in found] == [
        ("candidate", 1), ("candidate", 2), ("production", 1), ("production", 2),
    ]  # fmt: skip
    assert found[-1] == Move("production", 2, now)
    assert catalog().history(2) == []


def test_models__aliases_that_are_no_text__are_shown_apart(shop: FakeWorld, catalog: Read) -> None:
    for byte in (0x1B, 0xFE, 0xFF):
        shop.registry.say(AliasSet(1, bytes([byte]).ljust(32, b"\0"), 2))
    [model] = catalog().models(on_sale=True)
    assert set(model.aliases) == {"candidate", "production", "\\x1b", "\\udcfe", "\\udcff"}
    assert catalog().history(1)[-1].alias == "\\udcff"


def test_versions__by_what_is_so_now__are_found(shop: FakeWorld, catalog: Read, air) -> None:
    found = catalog()
    assert [one.version for one in found.versions(model_id=1)] == [1, 2]
    assert [one.version for one in found.versions(sold=True)] == [1]
    assert [one.version for one in found.versions(sold=False)] == [2]
    assert [one.version for one in found.versions(alias="candidate")] == [2]
    assert [one.version for one in found.versions(round_id=2)] == [2]
    assert [one.version for one in found.versions(text="QUALITY")] == [1, 2]
    assert found.versions(text="rivers") == found.versions(alliance=ONE) == []
    [first, _] = found.versions(alliance=air.name)
    assert first.aliases == ("production",) and first.program_hash == bytes([1]) * 32


def test_providers__stake__is_what_came_in_less_what_left(shop: FakeWorld, catalog: Read) -> None:
    say = shop.ledger.say
    say(Staked(ONE, 10 * COIN, 10 * COIN))
    say(Staked(ONE, 5 * COIN, 15 * COIN))
    say(Slashed(ONE, THREE, 2 * COIN, TWO, COIN))
    say(UnbondingStarted(ONE, 4 * COIN, 9))
    say(Withdrawn(ONE, 4 * COIN))
    say(UnbondingStarted(ONE, 1 * COIN, 9))
    for event in (OptedIn(ONE, 1), OptedIn(ONE, 2), OptedOut(ONE, 2), OptedIn(TWO, 1)):
        say(event)
    say(Staked(THREE, COIN, COIN))
    found = catalog()
    first, second, third = found.providers()
    assert (first.operator, first.stake_wei, first.unbonding_wei) == (ONE, 8 * COIN, COIN)
    assert (first.slashed_wei, first.models) == (2 * COIN, (1,))
    assert (second.operator, second.models) == (THREE, ())
    assert (third.operator, third.stake_wei, third.models) == (TWO, 0, (1,))
    assert [one.operator for one in found.providers(model_id=1)] == [ONE, TWO]
    assert [one.operator for one in found.providers(least_stake_wei=8 * COIN)] == [ONE]
    # Who has no stake cannot answer: he is no provider of a model.
    assert found.models()[0].providers == (ONE,)
    assert ids(found, provider=ONE) == [1] and ids(found, provider=TWO) == []
    # Nor can who has less than the ledger asks of everybody.
    say(Staked(TWO, COIN - 1, COIN - 1))
    assert catalog().models()[0].providers == (ONE,)
    say(Staked(TWO, 1, COIN))
    assert catalog().models()[0].providers == (ONE, TWO)
    say(MinStakeSet(1, 8 * COIN))
    assert catalog().models()[0].providers == (ONE,)
    say(MinStakeSet(1, 8 * COIN + 1))
    assert catalog().models()[0].providers == ()


def test_alliances__amended_constitution__is_the_newest(world: FakeWorld, catalog: Read) -> None:
    first, second = world.launch(1, "Air"), world.launch(2, "Air")
    world.charter(first).say(ConstitutionAmended(bytes([7]) * 36))
    world.charter(first).say(ConstitutionAmended(bytes([8]) * 36))
    found = catalog()
    assert [one.constitution for one in found.alliances("Air")] == [bytes([8]) * 36, b""]
    assert [one.address for one in found.alliances(second.alliance)] == [second.alliance]


def created(proposal_id: int, description: str = "why") -> ProposalCreated:
    return ProposalCreated(proposal_id, ONE, (TWO,), (5,), (b"\1\2\3\4",), 50, 90, description)


def test_proposals__votes_and_ends__are_of_their_own_governor(
    world: FakeWorld, catalog: Read
) -> None:
    air, water = world.launch(1, "Air"), world.launch(2, "Water")
    say = world.governor(air).say
    say(created(7, "a\udcff\0b"))
    # The same actions and words have the same id in another governor.
    world.governor(water).say(created(7))
    world.governor(water).say(ProposalCanceled(7))
    say(VoteCast(ONE, 7, 1, 3, "yes"))
    say(VoteCastWithParams(TWO, 7, 0, 2, "no", b"\1"))
    say(VoteCast(THREE, 7, 2, 1, ""))
    say(ProposalExtended(7, 95))
    say(ProposalQueued(7, 200))
    say(created(8))
    found = catalog()
    assert [(one.alliance_name, one.proposal_id) for one in found.proposals()] == [
        ("Air", 8), ("Water", 7), ("Air", 7),
    ]  # fmt: skip
    [one] = found.proposals(alliance="Air", proposal_id=7)
    assert one.tally() == (2, 3, 1)
    assert [vote.reason for vote in one.votes] == ["yes", "no", ""]
    assert (one.vote_start, one.vote_end, one.eta, one.ended) == (50, 95, 200, None)
    assert (one.targets, one.values, one.calldatas) == ((TWO,), (5,), (b"\1\2\3\4",))
    # The very bytes, since queueing hashes them.
    assert one.description == "a\udcff\0b"
    [other] = found.proposals(alliance=water.alliance)
    assert other.ended == "canceled" and other.votes == ()
    say(ProposalExecuted(7))
    [one, _] = catalog().proposals(proposal_id=7)
    assert [p.ended for p in catalog().proposals(alliance="Air", proposal_id=7)] == ["executed"]


def test_models__tags__are_those_not_taken_off_again(shop: FakeWorld, catalog: Read) -> None:
    say = shop.registry.say
    for event in (
        Tagged(SOME, 1, "air"),
        Tagged(bytes(32), 1, "co2"),
        Untagged(SOME, 1, "air"),
        Tagged(SOME, 2, "air"),
    ):
        say(event)
    found = catalog()
    assert [one.tags for one in found.models()] == [("co2",), ("air",)]
    assert ids(found, tags=["air"]) == ids(found, text="AIR", tags=["air"]) == [2]
    assert ids(found, tags=["air", "co2"]) == []
    say(Tagged(SOME, 1, "air"))
    assert ids(catalog(), tags=["air", "co2"]) == [1]


def test_versions__deprecated__with_the_reason(shop: FakeWorld, catalog: Read) -> None:
    shop.registry.say(Deprecated(1, 2, "drifts"))
    found = catalog()
    assert [one.version for one in found.versions(deprecated=True)] == [2]
    assert ids(found, deprecated=False) == [1, 2]
    shop.registry.say(Deprecated(1, 0, "sensor was replaced"))
    found = catalog()
    assert [one.deprecated for one in found.versions()] == ["sensor was replaced", "drifts"]
    assert ids(found, deprecated=True) == [1]


def test_versions__evaluations__with_how_they_ended(shop: FakeWorld, catalog: Read) -> None:
    def posted(number: int, version: int) -> EvaluationPosted:
        return EvaluationPosted(
            number, 1, ONE, version, SOME, 100, 1, 2**200, SOME, 600, COIN, b"", b""
        )

    for number, version in ((1, 1), (2, 1), (3, 2)):
        shop.evaluations.say(posted(number, version))
    shop.evaluations.say(EvaluationVoided(1, 5, TWO, 9))
    shop.evaluations.say(EvaluationSettled(2, ONE))
    shop.registry.say(EvaluationRuleSet(1, 1, True, SOME, 1, 50, 600, COIN))
    shop.registry.say(VersionQualified(1, 1, 2, 1))
    found = catalog()
    assert [one.needs_evaluation for one in found.models()] == [True, False]
    first, second = found.versions()
    assert [(one.evaluation_id, one.ended) for one in first.evaluations] == [
        (1, "void"), (2, "settled"),
    ]  # fmt: skip
    assert [(one.total_loss, one.ended) for one in second.evaluations] == [(2**200, None)]
    assert (first.qualified_by, second.qualified_by) == (2, 0)
    assert [one.version for one in found.versions(evaluated=True)] == [1]
    assert [one.version for one in found.versions(evaluated=False)] == [2]


def test_listings__of_who_serves_with_stake__are_shown(shop: FakeWorld, catalog: Read) -> None:
    for event in (Staked(ONE, COIN, COIN), OptedIn(ONE, 1), OptedIn(TWO, 1)):
        shop.ledger.say(event)
    for said in (
        OperatorListed(1, ONE, "https://old.example"),
        OperatorListed(1, ONE, "https://one.example"),
        OperatorListed(1, TWO, "https://two.example"),
        OperatorListed(2, ONE, "https://gone.example"),
        ListingWithdrawn(2, ONE),
    ):
        shop.registry.say(said)
    found = catalog()
    first, second = found.providers()
    assert first.endpoints == {1: "https://one.example"}
    assert second.endpoints == {1: "https://two.example"}
    # Nothing stands behind the second one's: it has no stake.
    assert found.models()[0].endpoints == {ONE: "https://one.example"}
