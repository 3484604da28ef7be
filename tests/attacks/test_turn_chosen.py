"""An operator sees a request fall to another's turn, and has accounts of his own join or leave the model's
list until the turn is his: the draw is among those who serve, and each that comes or goes moves it.

A turn is drawn from the list as it was when the minute of the request began, so nothing that is done
after the request, or in the same minute before it, gives anybody a turn. Nor can one arrange for the
next id beforehand: the features are drawn from too.
"""

import pytest

from cairn.domain.integers import pack_features
from tests.unit.inference_market.conftest import EPOCH_S, LOCK_WEI, PRICE, ZERO


@pytest.fixture
def puppets(ledger, accounts):
    """Accounts of the thief's, staked."""
    found = accounts[10:14]
    for one in found:
        ledger.deposit(value=LOCK_WEI, sender=one)
    return found


@pytest.fixture
def minute(chain, pass_time):
    """Go to a second of the next minute."""

    def go(second: int) -> None:
        now = chain.blocks.head.timestamp
        pass_time(EPOCH_S - now % EPOCH_S + second)

    return go


@pytest.mark.parametrize("second", [1, 30, 50])
def test_list__changed_after_the_request__moves_no_turn(
    market, two_in_turn, ledger, model_id, ask, puppets, minute, pass_time, second
):
    minute(second)
    ids = ask(4)
    turns = [market.turn_of(one) for one in ids]
    assert ZERO not in turns
    for one in puppets:
        ledger.opt_in(model_id, sender=one)
    assert [market.turn_of(one) for one in ids] == turns
    ledger.opt_out(model_id, sender=puppets[1])
    ledger.opt_out(model_id, sender=puppets[3])
    pass_time(5)  # perhaps into the next minute
    ledger.opt_out(model_id, sender=puppets[0])
    ledger.opt_in(model_id, sender=puppets[1])
    assert [market.turn_of(one) for one in ids] == turns


def test_list__changed_just_before_the_request__gives_the_newcomers_no_turn(
    market, two_in_turn, ledger, model_id, ask, puppets, minute
):
    minute(20)
    for one in puppets:
        ledger.opt_in(model_id, sender=one)
    turns = {market.turn_of(one) for one in ask(8)}
    assert turns == {one.address for one in two_in_turn}
    minute(1)
    turns = {market.turn_of(one) for one in ask(30)}
    assert turns & {one.address for one in puppets}, "they serve, and have turns by now"


def test_one_in_turn__leaves__his_turn_is_anybodys_and_no_other_moves(
    market, two_in_turn, ledger, model_id, ask, minute
):
    minute(20)
    ids = ask(8)
    gone = two_in_turn[0]
    before = {one: market.turn_of(one) for one in ids}
    ledger.opt_out(model_id, sender=gone)
    for one, turn in before.items():
        now = market.turn_of(one)
        assert now == ZERO if turn == gone else now in (turn, ZERO)


def test_next_id__with_other_features__is_anothers_turn(
    market, two_in_turn, model_id, published_program, requester, chain
):
    """What one id's turn would be under many features: both operators'."""
    found = set()
    for i in range(8):
        features = pack_features([i] * published_program.n_features)
        snapshot = chain.snapshot()
        deadline = chain.blocks.head.timestamp + 1_000
        market.request(model_id, features, PRICE, deadline, value=PRICE, sender=requester)
        found.add((market.n_requests(), market.turn_of(market.n_requests())))
        chain.restore(snapshot)
    assert len({request_id for request_id, _ in found}) == 1
    assert {turn for _, turn in found} == {one.address for one in two_in_turn}
