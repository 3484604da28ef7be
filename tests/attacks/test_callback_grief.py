"""A requester's callback reverts, burns all of its gas, returns a megabyte for its reader to copy, or
calls back into the market; or an answerer leaves the callback too little gas to do its work.

The answer stands in every case but the last, in which nothing happens at all; others in the same
batch are answered; what it costs the answerer is bounded by the gas that the request stated.
"""

import ape
import pytest
from ape.exceptions import ContractLogicError, OutOfGasError, TransactionError

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, WINDOW_S

FAILURES = (ContractLogicError, OutOfGasError, TransactionError)
GAS = 200_000
REVERT, BURN, RETURN, CALL = 1, 2, 3, 4
ZERO = "0x0000000000000000000000000000000000000000"


@pytest.fixture
def receiver(deployer, project):
    return deployer.deploy(project.Receiver)


@pytest.fixture
def asked(market, model_id, features, serving, receiver, requester, chain):
    """A request by the receiver, with itself as callback."""
    deadline = chain.blocks.head.timestamp + 1_000
    data = market.request.encode_input(
        model_id, features, PRICE, deadline, ZERO, receiver.address, GAS
    )
    receiver.forward(market, data, value=PRICE, sender=requester)
    return market.n_requests()


def test_callback__that_works__is_told(market, asked, receiver, serving, outputs):
    receiver.behave(0, ZERO, b"", sender=serving)
    receipt = market.answer(asked, outputs, sender=serving)
    [event] = receipt.decode_logs(market.CalledBack)
    assert (event.request_id, event.callback, event.success) == (asked, receiver, True)
    assert receiver.told_id() == asked
    assert bytes(receiver.told_outputs()) == outputs
    assert receiver.told_until() == market.get_request(asked).answered_at + WINDOW_S
    assert GAS - 5_000 < receiver.told_gas() <= GAS


@pytest.mark.parametrize("mode", [REVERT, BURN, RETURN])
def test_callback__that_misbehaves__harms_nobody_else(
    market, asked, receiver, serving, outputs, ask, mode, ledger
):
    receiver.behave(mode, ZERO, b"", sender=serving)
    [other] = ask(1)
    receipt = market.answer_batch([asked, other], [outputs] * 2, sender=serving)
    assert [market.get_request(one).status for one in (asked, other)] == [2, 2]
    assert ledger.locked_wei(serving) == 2 * LOCK_WEI
    [event] = receipt.decode_logs(market.CalledBack)
    assert not event.success or mode == RETURN
    # Two answers, and what the callback may take: 200,000 gas are more than two answers cost.
    assert receipt.gas_used < GAS + 200_000


@pytest.mark.parametrize("function", ["refund", "pay", "answer", "settle"])
def test_callback__that_calls_back__meets_the_lock(
    market, asked, receiver, serving, outputs, function, alliance
):
    args = {
        "refund": (asked,),
        "pay": (receiver.address, alliance.share_token.currency()),
        "answer": (asked, outputs),
        "settle": ([asked],),
    }[function]
    data = getattr(market, function).encode_input(*args)
    receiver.behave(CALL, market, data, sender=serving)
    market.answer(asked, outputs, sender=serving)
    assert receiver.told_id() == asked
    assert not receiver.success()
    assert market.get_request(asked).status == 2


def test_callback__that_asks_what_became_of_it__is_told(market, asked, receiver, serving, outputs):
    data = market.get_request.encode_input(asked)
    receiver.behave(CALL, market, data, sender=serving)
    market.answer(asked, outputs, sender=serving)
    assert receiver.success()


def test_answer__leaving_the_callback_too_little__reverts_or_tells_it(
    market, asked, receiver, serving, outputs
):
    """At every gas limit: either nothing happens, or the callback has what it was promised."""
    outcomes = set()
    for gas in range(140_000, 560_000, 20_000):
        try:
            market.answer(asked, outputs, sender=serving, gas=gas)
        except FAILURES:
            assert market.get_request(asked).status == 1
            outcomes.add("nothing")
        else:
            assert receiver.told_gas() > GAS - 5_000
            outcomes.add("told")
            break
    assert outcomes == {"nothing", "told"}


def test_request__gas_beyond_bounds_or_for_nobody__reverts(
    market, model_id, features, requester, receiver, chain
):
    deadline = chain.blocks.head.timestamp + 1_000
    for callback, gas, reason in (
        (receiver.address, 500_001, "request: too much gas for callback"),
        (ZERO, 1, "request: gas for no callback"),
    ):
        with ape.reverts(reason):
            market.request(
                model_id, features, PRICE, deadline, ZERO, callback, gas,
                value=PRICE, sender=requester,
            )  # fmt: skip
