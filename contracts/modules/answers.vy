# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title answers: operators' answers to requests, one by one
@license Apache-2.0
@notice An operator answers singly or in batches; anyone may prove an answer wrong in its window, and
        settle it after.
@dev A part of InferenceMarket, whose header has the invariants. The pragma above locks the functions that
     the contract exports, all with its one lock.
"""

from ..interfaces import IInferenceMarket
from ..interfaces import IModelRegistry
from ..interfaces import IPredictionReceiver
from . import request_book

uses: request_book

# What one transaction is to hold: 32 answers of 1,024 bytes, 64 settlements.
MAX_BATCH: constant(uint256) = 32
MAX_SETTLED: constant(uint256) = 64
# Gas kept for reaching the callback, beyond what it is given.
CALLBACK_SPARE_GAS: constant(uint256) = 10_000


# --- operators ---


@external
def answer(request_id: uint256, outputs: Bytes[1024]):
    asked: uint256 = request_book._asked[request_id]
    terms: IModelRegistry.Terms = request_book._terms(self._terms_of_open(asked))
    self._answer(request_id, asked, terms, outputs)
    request_book._lock(terms.model_id, terms.lock_wei)
    if (asked >> request_book.STATE_AT) & request_book.CALLED != 0:
        self._call_back(request_id, outputs, block.timestamp + terms.window_s)


@external
def answer_batch(
    request_ids: DynArray[uint256, MAX_BATCH], outputs: DynArray[Bytes[1024], MAX_BATCH]
):
    assert len(request_ids) == len(outputs), "answer: lengths differ"
    terms: IModelRegistry.Terms = empty(IModelRegistry.Terms)
    terms_id: uint256 = 0
    lock_wei: uint256 = 0
    has_callbacks: bool = False
    for i: uint256 in range(len(request_ids), bound=MAX_BATCH):
        asked: uint256 = request_book._asked[request_ids[i]]
        its_terms: uint256 = self._terms_of_open(asked)
        if its_terms != terms_id:
            if lock_wei > 0:
                request_book._lock(terms.model_id, lock_wei)
                lock_wei = 0
            terms = request_book._terms(its_terms)
            terms_id = its_terms
        self._answer(request_ids[i], asked, terms, outputs[i])
        lock_wei += terms.lock_wei
        if (asked >> request_book.STATE_AT) & request_book.CALLED != 0:
            has_callbacks = True
    assert lock_wei > 0, "answer: nothing in the batch"
    request_book._lock(terms.model_id, lock_wei)

    if has_callbacks:  # when all else is done
        for i: uint256 in range(len(request_ids), bound=MAX_BATCH):
            asked: uint256 = request_book._asked[request_ids[i]]
            if (asked >> request_book.STATE_AT) & request_book.CALLED != 0:
                terms = request_book._terms(request_book._terms_id(asked))
                self._call_back(request_ids[i], outputs[i], block.timestamp + terms.window_s)


    # --- anyone ---




@external
def challenge(request_id: uint256, features: Bytes[4096]):
    asked: uint256 = request_book._asked[request_id]
    state: uint256 = asked >> request_book.STATE_AT
    stands: bool = state & (request_book.ANSWERED | request_book.DISPLACED) != 0
    assert stands, "challenge: no answer stands"
    answered: uint256 = request_book._answered[request_id]
    terms: IModelRegistry.Terms = empty(IModelRegistry.Terms)
    currency: address = empty(address)
    terms, currency = request_book._terms_and_currency(request_book._terms_id(asked))
    # Two times far below 2^96.
    in_time: bool = block.timestamp <= unsafe_add(answered >> 160, terms.window_s)
    assert in_time, "challenge: window is over"
    asked_for: bool = keccak256(features) == request_book._features_hash[request_id]
    assert asked_for, "challenge: other features"
    # A judge that runs out of gas reverts here, and so decides nothing.
    outputs: Bytes[1024] = request_book._evaluate(terms.program_hash, features)
    is_wrong: bool = keccak256(outputs) != request_book._outputs_hash[request_id]
    assert is_wrong, "challenge: the answer is right"

    request_book._outputs_hash[request_id] = empty(bytes32)
    operator: address = convert(answered & request_book.UINT160, address)
    log IInferenceMarket.Challenged(
        request_id=request_id, operator=operator, challenger=msg.sender, outputs=outputs
    )
    if state & request_book.DISPLACED != 0:
        request_book._end(request_id, asked, request_book.SETTLED)
    elif state & (request_book.NAMED | request_book.CALLED) != 0:
        # Nobody else could answer, or the wrong answer was passed on already.
        request_book._end(request_id, asked, request_book.SLASHED)
        request_book._give_back(request_book._requester(asked), terms.price, currency)
    else:
        # A lie takes nothing from those who know better: their roots, posted or yet to come, still answer.
        request_book._answered[request_id] = 0
        request_book._set_state(request_id, asked, request_book.OPEN)
        log IInferenceMarket.Reopened(request_id=request_id)
    request_book._slash(operator, terms.lock_wei)


@external
def settle(request_ids: DynArray[uint256, MAX_SETTLED]):
    terms: IModelRegistry.Terms = empty(IModelRegistry.Terms)
    terms_id: uint256 = 0
    operator: address = empty(address)
    n_paid: uint256 = 0
    n_free: uint256 = 0
    for request_id: uint256 in request_ids:
        asked: uint256 = request_book._asked[request_id]
        state: uint256 = asked >> request_book.STATE_AT
        stands: bool = state & (request_book.ANSWERED | request_book.DISPLACED) != 0
        if not stands:
            assert state > request_book.OPEN and state & request_book.OPEN == 0, (
                "settle: no answer stands"
            )
            continue  # ended already
        answered: uint256 = request_book._answered[request_id]
        its_operator: address = convert(answered & request_book.UINT160, address)
        its_terms: uint256 = request_book._terms_id(asked)
        if its_terms != terms_id or its_operator != operator:
            self._pay_and_release(terms, operator, n_paid, n_free)
            n_paid = 0
            n_free = 0
            operator = its_operator
            if its_terms != terms_id:
                terms_id = its_terms
                terms = request_book._terms(its_terms)
        over: bool = block.timestamp > (answered >> 160) + terms.window_s
        assert over, "settle: window is open"

        request_book._end(request_id, asked, request_book.SETTLED)
        n_free = unsafe_add(n_free, 1)  # at most MAX_SETTLED
        if state & request_book.ANSWERED != 0:
            n_paid = unsafe_add(n_paid, 1)
            log IInferenceMarket.Settled(request_id=request_id, operator=operator)
        else:
            log IInferenceMarket.DisplacedReleased(request_id=request_id, operator=operator)
    self._pay_and_release(terms, operator, n_paid, n_free)


# --- internal ---


@pure
@internal
def _terms_of_open(asked: uint256) -> uint256:
    is_open: bool = (asked >> request_book.STATE_AT) & request_book.OPEN != 0
    assert is_open, "answer: request is not open"
    return request_book._terms_id(asked)


@internal
def _answer(request_id: uint256, asked: uint256, terms: IModelRegistry.Terms, outputs: Bytes[1024]):
    """
    @dev All of an answer but its lock and its callback.
    """
    assert block.timestamp <= request_book._deadline(asked), "answer: deadline has passed"
    state: uint256 = asked >> request_book.STATE_AT
    if state & request_book.NAMED != 0:
        named: address = convert(request_book._answered[request_id] & request_book.UINT160, address)
        assert named == msg.sender, "answer: another operator is named"
    elif block.timestamp <= request_book._made_at(asked) + request_book.TURN_S:
        turn: address = request_book._drawn(request_id, asked, terms.model_id)
        assert turn in [msg.sender, empty(address)], "answer: it is another's turn"

    flags: uint256 = state & (request_book.NAMED | request_book.CALLED)
    request_book._set_state(request_id, asked, flags | request_book.ANSWERED)
    request_book._answered[request_id] = convert(msg.sender, uint256) | (block.timestamp << 160)
    request_book._outputs_hash[request_id] = keccak256(outputs)
    log IInferenceMarket.Answered(
        request_id=request_id,
        operator=msg.sender,
        challengeable_until=block.timestamp + terms.window_s,
        outputs=outputs,
    )


@internal
def _call_back(request_id: uint256, outputs: Bytes[1024], challengeable_until: uint256):
    """
    @dev The callback has all the gas that it was promised, or nothing happens at all: an answerer cannot
         starve it. What it returns is not copied, what it does is contained, the contract is locked.
    """
    packed: uint256 = request_book._callbacks[request_id]
    callback: address = convert(packed & request_book.UINT160, address)
    gas_: uint256 = packed >> 160
    # Of what is left at the call, a 64th stays behind.
    enough: bool = msg.gas >= gas_ + gas_ // 63 + CALLBACK_SPARE_GAS
    assert enough, "answer: too little gas for callback"
    success: bool = raw_call(
        callback,
        abi_encode(
            request_id,
            outputs,
            challengeable_until,
            method_id=method_id("on_prediction(uint256,bytes,uint256)"),
        ),
        gas=gas_,
        revert_on_failure=False,
    )
    log IInferenceMarket.CalledBack(request_id=request_id, callback=callback, success=success)


@internal
def _pay_and_release(
    terms: IModelRegistry.Terms, operator: address, n_paid: uint256, n_free: uint256
):
    request_book._pay_answers(terms, n_paid, operator)
    request_book._release(operator, n_free * terms.lock_wei)
