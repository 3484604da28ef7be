import ape

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE


def test_answer_batch__stranger__reverts(market, ask, outputs, refused_to_outsiders):
    ids = ask(2)
    refused_to_outsiders(
        market.answer_batch, ids, [outputs] * 2, reason="lock: operator does not serve"
    )


def test_answer_batch__several__stand_as_if_answered_singly(
    market, ask, outputs, wrong, rich, ledger, features, challenger
):
    ids = ask(3)
    receipt = market.answer_batch(ids, [outputs, wrong, outputs], sender=rich)
    assert [e.request_id for e in receipt.decode_logs(market.Answered)] == ids
    assert [market.get_request(one).status for one in ids] == [2, 2, 2]
    assert ledger.locked_wei(rich) == 3 * LOCK_WEI
    market.challenge(ids[1], features, sender=challenger)
    with ape.reverts("challenge: the answer is right"):
        market.challenge(ids[0], features, sender=challenger)


def test_answer_batch__requests_of_two_terms__lock_what_each_asks(
    market, ask, outputs, rich, ledger, system, model_id, timelock, requester
):
    old = ask(2)
    system.model_registry.set_terms(
        model_id, PRICE, 3_000, 5_000, 3_600, 3 * LOCK_WEI, 0, sender=timelock
    )
    new = ask(1)
    market.answer_batch([old[0], new[0], old[1]], [outputs] * 3, sender=rich)
    assert ledger.locked_wei(rich) == 5 * LOCK_WEI


def test_answer_batch__one_that_cannot_be__reverts_all(
    market, ask, outputs, rich, ledger, request_id
):
    ids = ask(1)
    for bad, reason in (
        ([*ids, ids[0]], "answer: request is not open"),
        ([*ids, ids[0] + 1], "answer: request is not open"),
    ):
        with ape.reverts(reason):
            market.answer_batch(bad, [outputs] * len(bad), sender=rich)
    with ape.reverts("answer: lengths differ"):
        market.answer_batch(ids, [outputs] * 2, sender=rich)
    with ape.reverts("answer: nothing in the batch"):
        market.answer_batch([], [], sender=rich)
    assert ledger.locked_wei(rich) == 0


def test_answer_batch__more_than_the_stake_backs__reverts(market, ask, outputs, serving):
    with ape.reverts("lock: too little free stake"):
        market.answer_batch(ask(3), [outputs] * 3, sender=serving)
