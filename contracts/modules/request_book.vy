# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title request_book: what was asked, what stands as its answer, and who is owed what
@license Apache-2.0
@notice The records of requests and the money of the market, for the parts that write them.
@dev A part of InferenceMarket, whose header has the invariants. The pragma above locks the functions that
     the contract exports, all with its one lock.
"""

from ..interfaces import IEvaluator
from ..interfaces import IInferenceMarket
from ..interfaces import IModelRegistry
from ..interfaces import IStakeLedger
from . import money

MAX_BPS: constant(uint256) = 10_000
# How long an open request is left to the operator on whom its turn falls: a few blocks, so that operators
# need not race, and one who sleeps holds nobody up.
TURN_S: constant(uint256) = 15
# How long after a root's window its requests are kept for whoever settles it: anyone may, and its operator is
# there to; a requester whom no leaf answers waits no longer for his money.
ROOT_GRACE_S: constant(uint256) = 3_600

# What a request's record holds above its status.
NAMED: constant(uint256) = 32  # it names its operator
CALLED: constant(uint256) = 64  # it has a callback
DISPLACED: constant(uint256) = 128  # an older root took it; the answer is still judged
STATUSES: constant(uint256) = 31
OPEN: constant(uint256) = 1
ANSWERED: constant(uint256) = 2
SETTLED: constant(uint256) = 4
REFUNDED: constant(uint256) = 8
SLASHED: constant(uint256) = 16
STATE_AT: constant(uint256) = 248
UINT20: constant(uint256) = 2**20 - 1
UINT32: constant(uint256) = 2**32 - 1
UINT36: constant(uint256) = 2**36 - 1
UINT160: constant(uint256) = 2**160 - 1

REGISTRY: public(immutable(IModelRegistry))
EVALUATOR: public(immutable(IEvaluator))
LEDGER: public(immutable(IStakeLedger))

# How many requests were made; request writes it.
n_requests: public(uint256)
# Request id -> requester u160, deadline u36, seconds from request to deadline u20, terms id u32, state u8,
# from the low end. The state is the status and the flags above.
_asked: HashMap[uint256, uint256]
# Request id -> keccak256 of the packed features; request writes it.
_features_hash: HashMap[uint256, bytes32]
# Request id -> operator u160, answered at u96, from the low end; request and answer write it.
_answered: HashMap[uint256, uint256]
# Request id -> keccak256 of the packed outputs; answer writes it.
_outputs_hash: HashMap[uint256, bytes32]
# Request id -> callback u160, its gas u96, from the low end; request writes it.
_callbacks: HashMap[uint256, uint256]
# Terms id -> when the newest root under them was posted, unix seconds; answer_root writes it.
_newest_root_at: HashMap[uint256, uint256]
# Account -> currency -> what it may have, in the smallest unit.
owed: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(registry: IModelRegistry, evaluator: IEvaluator, ledger: IStakeLedger):
    assert registry.address != empty(address), "market: registry is zero"
    assert evaluator.address.is_contract, "market: no evaluator"
    assert staticcall ledger.is_judge(self), "market: ledger does not know it"
    REGISTRY = registry
    EVALUATOR = evaluator
    LEDGER = ledger


# --- anyone ---


@external
def refund(request_id: uint256):
    asked: uint256 = self._asked[request_id]
    assert (asked >> STATE_AT) & OPEN != 0, "refund: request is not open"
    terms: IModelRegistry.Terms = empty(IModelRegistry.Terms)
    currency: address = empty(address)
    terms, currency = self._terms_and_currency(self._terms_id(asked))
    assert block.timestamp > self._deadline(asked), "refund: deadline not over"
    assert block.timestamp >= self._refundable_at(asked, terms), "refund: a root may answer it"
    requester: address = self._requester(asked)
    self._end(request_id, asked, REFUNDED)
    self._give_back(requester, terms.price, currency)
    log IInferenceMarket.Refunded(request_id=request_id, requester=requester)


@external
def pay(account: address, currency: address) -> uint256:
    amount: uint256 = self.owed[account][currency]
    assert amount > 0, "pay: nothing owed"
    self.owed[account][currency] = 0
    log IInferenceMarket.Paid(account=account, currency=currency, amount=amount)
    money._push(currency, account, amount)
    return amount


# --- views ---


@view
@external
@reentrant
def get_request(request_id: uint256) -> IInferenceMarket.Request:
    """
    @dev Callbacks may ask: what is told is complete by then.
    """
    asked: uint256 = self._asked[request_id]
    assert asked != 0, "market: unknown request"
    answered: uint256 = self._answered[request_id]
    callback: uint256 = self._callbacks[request_id]
    return IInferenceMarket.Request(
        requester=self._requester(asked),
        terms_id=self._terms_id(asked),
        deadline=self._deadline(asked),
        status=convert((asked >> STATE_AT) & STATUSES, IInferenceMarket.Status),
        features_hash=self._features_hash[request_id],
        operator=convert(answered & UINT160, address),
        answered_at=answered >> 160,
        outputs_hash=self._outputs_hash[request_id],
        made_at=self._made_at(asked),
        callback=convert(callback & UINT160, address),
        callback_gas=callback >> 160,
        is_displaced=(asked >> STATE_AT) & DISPLACED != 0,
    )


@view
@external
def refundable_at(request_id: uint256) -> uint256:
    asked: uint256 = self._asked[request_id]
    assert (asked >> STATE_AT) & OPEN != 0, "refundable: request is not open"
    terms: IModelRegistry.Terms = self._terms(self._terms_id(asked))
    return self._refundable_at(asked, terms)


@view
@external
def turn_of(request_id: uint256) -> address:
    asked: uint256 = self._asked[request_id]
    assert (asked >> STATE_AT) & OPEN != 0, "turn: request is not open"
    if (asked >> STATE_AT) & NAMED != 0:
        return convert(self._answered[request_id] & UINT160, address)
    if block.timestamp > self._made_at(asked) + TURN_S:
        return empty(address)
    terms: IModelRegistry.Terms = self._terms(self._terms_id(asked))
    return self._drawn(request_id, asked, terms.model_id)


# --- internal: records ---


@view
@internal
def _terms(terms_id: uint256) -> IModelRegistry.Terms:
    return staticcall REGISTRY.terms(terms_id)


@view
@internal
def _terms_and_currency(terms_id: uint256) -> (IModelRegistry.Terms, address):
    return staticcall REGISTRY.terms_and_currency(terms_id)


@view
@internal
def _sale(model_id: uint256) -> IModelRegistry.Sale:
    return staticcall REGISTRY.sale(model_id)


@view
@internal
def _evaluate(program_hash: bytes32, features: Bytes[4096]) -> Bytes[1024]:
    """
    @notice What is right. A judge that runs out of gas reverts here, and so decides nothing.
    """
    return staticcall EVALUATOR.evaluate(program_hash, features)


@pure
@internal
def _pack_asked(
    requester: address, terms_id: uint256, deadline: uint256, life_s: uint256, state: uint256
) -> uint256:
    # A deadline is at most a week from now, and terms are counted one by one: all of it fits.
    return (
        convert(requester, uint256)
        | (deadline << 160)
        | (life_s << 196)
        | (terms_id << 216)
        | (state << STATE_AT)
    )


@pure
@internal
def _requester(asked: uint256) -> address:
    return convert(asked & UINT160, address)


@pure
@internal
def _deadline(asked: uint256) -> uint256:
    return (asked >> 160) & UINT36


@pure
@internal
def _made_at(asked: uint256) -> uint256:
    # A request's life was measured back from its deadline.
    return unsafe_sub((asked >> 160) & UINT36, (asked >> 196) & UINT20)


@pure
@internal
def _terms_id(asked: uint256) -> uint256:
    return (asked >> 216) & UINT32


@internal
def _set_state(request_id: uint256, asked: uint256, state: uint256):
    self._asked[request_id] = (asked & (2**STATE_AT - 1)) | (state << STATE_AT)


@internal
def _end(request_id: uint256, asked: uint256, status: uint256):
    """
    @dev The flags stay for the reader.
    """
    self._set_state(request_id, asked, ((asked >> STATE_AT) & (NAMED | CALLED)) | status)


@view
@internal
def _refundable_at(asked: uint256, terms: IModelRegistry.Terms) -> uint256:
    """
    @dev A root that answers the request was posted between its making and its deadline; the newest one
         under its terms is no older. It has its window and ROOT_GRACE_S to be settled.
    """
    deadline: uint256 = self._deadline(asked)
    newest: uint256 = self._newest_root_at[self._terms_id(asked)]
    if newest < self._made_at(asked):
        return deadline + 1
    return max(deadline, min(newest, deadline) + terms.window_s + ROOT_GRACE_S) + 1


# --- internal: stake ---


@view
@internal
def _drawn(request_id: uint256, asked: uint256, model_id: uint256) -> address:
    """
    @dev The features are a part of the seed: ids are counted, and nobody is to arrange for the next one.
    """
    seed: bytes32 = keccak256(abi_encode(request_id, self._features_hash[request_id]))
    return staticcall LEDGER.turn_of(model_id, convert(seed, uint256), self._made_at(asked))


@internal
def _lock(model_id: uint256, amount_wei: uint256):
    """
    @dev The caller's stake, if he serves the model.
    """
    extcall LEDGER.lock_serving(msg.sender, model_id, amount_wei)


@internal
def _release(operator: address, amount_wei: uint256):
    if amount_wei > 0:
        extcall LEDGER.release(operator, amount_wei)


@internal
def _slash(operator: address, amount_wei: uint256):
    """
    @dev The bounty is the caller's.
    """
    extcall LEDGER.slash(operator, amount_wei, msg.sender)


# --- internal: money ---


@payable
@internal
def _take(currency: address, price: uint256):
    """
    @dev Coin above the price is owed back: sending it back here would call the payer in the middle of a sale.
    """
    excess: uint256 = money._pull(currency, price)
    if excess > 0:
        self.owed[msg.sender][currency] += excess


@internal
def _give_back(requester: address, price: uint256, currency: address):
    if price > 0:
        self.owed[requester][currency] += price


@internal
def _share_out(
    terms: IModelRegistry.Terms,
    n: uint256,
    operator: address,
    currency: address,
    holders: address,
    treasury: address,
):
    """
    @dev The price of `n` predictions. Of each, both divisions round down; the treasury has what is left, so
         the parts add up to the price.
    """
    for_operator: uint256 = 0
    if operator != empty(address):
        for_operator = terms.price * terms.operator_bps // MAX_BPS
        if for_operator > 0:
            self.owed[operator][currency] += n * for_operator
    for_holders: uint256 = terms.price * terms.holders_bps // MAX_BPS
    if for_holders > 0:
        self.owed[holders][currency] += n * for_holders
    for_treasury: uint256 = terms.price - for_operator - for_holders
    if for_treasury > 0:
        self.owed[treasury][currency] += n * for_treasury


@internal
def _pay_answers(terms: IModelRegistry.Terms, n: uint256, operator: address):
    """
    @notice Share out the price of `n` answers of an operator.
    """
    if n > 0 and terms.price > 0:
        currency: address = empty(address)
        holders: address = empty(address)
        treasury: address = empty(address)
        currency, holders, treasury = staticcall REGISTRY.payees(terms.model_id)
        self._share_out(terms, n, operator, currency, holders, treasury)
