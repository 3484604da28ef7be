# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title InferenceMarket: predictions for sale
@license Apache-2.0
@notice Buy a prediction in one call (`predict`), or ask for one (`request`): a staked operator answers, and
        while the answer's window is open anyone may have this contract run the program itself. A wrong answer
        costs the operator his lock, and the request is open for others again; if nobody else could answer,
        the requester has the money back. Every request ends exactly once.
@dev MARKET-1: what is owed and what open requests hold in escrow never exceeds the contract's balance.
     MARKET-2: a request ends once: settled, refunded or slashed; then its status never changes.
     MARKET-3: the price of a request is shared out as the terms say that it was made under.
     MARKET-4: a right answer is never slashed; a wrong one, challenged in its window, always is. An answer
               is a single one, or a leaf of a root that answers a request.
     MARKET-5: each answer, and each leaf of a root, holds its terms' lock of its operator until it is
               settled, lapses or is slashed.
     MARKET-7: what an operator posted as a root is what is settled and what is challenged, leaf by leaf; a
               leaf is slashed at most once.
     MARKET-8: what a callback does harms nobody but who asked for it.
     MARKET-9: a wrong answer ends no request that others may still answer.
     Its parts: request_book (records and money), answers, answer_roots.
@custom:kill Cannot be stopped: no owner, no upgrade. A model leaves the market when its alliance ends the sale.
"""

from ..interfaces import IAccessPolicy
from ..interfaces import IEvaluator
from ..interfaces import IInferenceMarket
from ..interfaces import IModelRegistry
from ..interfaces import IPacketFeatures
from ..interfaces import IStakeLedger
from ..modules import answer_roots
from ..modules import answers
from ..modules import request_book

implements: IInferenceMarket
initializes: request_book
initializes: answers[request_book := request_book]
initializes: answer_roots[request_book := request_book]

# What anyone may read and do.
exports: (
    request_book.REGISTRY,
    request_book.EVALUATOR,
    request_book.LEDGER,
    request_book.n_requests,
    request_book.owed,
    request_book.get_request,
    request_book.refundable_at,
    request_book.turn_of,
    request_book.refund,
    request_book.pay,
)
# Answers and what becomes of them: operators answer, anyone challenges and settles.
exports: (answers.answer, answers.answer_batch, answers.challenge, answers.settle)
exports: (
    answer_roots.answer_root,
    answer_roots.challenge_leaf,
    answer_roots.settle_root,
    answer_roots.get_root,
    answer_roots.is_leaf_slashed,
)

# Escrow is not to lie for ever; a week is ample for a prediction.
MAX_DEADLINE_S: constant(uint256) = 7 * 86_400
# Enough to do something with an answer, and a part of what an answer may cost anyway.
MAX_CALLBACK_GAS: constant(uint256) = 500_000
# The outcome of features that the program takes no view of; see docs/numerics.md.
INVALID: constant(Bytes[1024]) = b""

ACCESS_POLICY: public(immutable(IAccessPolicy))
PACKETS: public(immutable(IPacketFeatures))


@deploy
def __init__(
    registry: IModelRegistry,
    evaluator: IEvaluator,
    ledger: IStakeLedger,
    access_policy: IAccessPolicy,
    packets: IPacketFeatures,
):
    """
    @param registry Where terms come from.
    @param evaluator The judge.
    @param ledger Where operators' stake lies; it must have been told of this market.
    @param access_policy Who may ask; it must take this market's word.
    @param packets What the packets of sensors say to models.
    """
    request_book.__init__(registry, evaluator, ledger)
    assert access_policy.address.is_contract, "market: no access policy"
    assert packets.address.is_contract, "market: no packet features"
    ACCESS_POLICY = access_policy
    PACKETS = packets


# --- anyone ---


@payable
@external
def predict(
    model_id: uint256, features: Bytes[4096], max_price: uint256, terms_id: uint256 = 0
) -> Bytes[1024]:
    return self._predict(model_id, features, max_price, terms_id)


@payable
@external
def predict_from_packet(
    model_id: uint256, packet: Bytes[512], max_age_s: uint256, max_price: uint256
) -> (address, uint256, Bytes[1024]):
    device: address = empty(address)
    timestamp: uint256 = 0
    features: Bytes[64] = b""
    device, timestamp, features = staticcall PACKETS.features_of(model_id, packet, max_age_s)
    outputs: Bytes[1024] = self._predict(model_id, features, max_price, 0)
    log IInferenceMarket.PacketRead(
        model_id=model_id, device=device, timestamp=timestamp, packet_hash=keccak256(packet)
    )
    return device, timestamp, outputs


@payable
@external
def request(
    model_id: uint256,
    features: Bytes[4096],
    max_price: uint256,
    deadline: uint256,
    operator: address = empty(address),
    callback: address = empty(address),
    callback_gas: uint256 = 0,
    terms_id: uint256 = 0,
) -> uint256:
    sale: IModelRegistry.Sale = request_book._sale(model_id)
    assert sale.terms_id != 0, "request: model is not for sale"
    assert terms_id in [sale.terms_id, 0], "request: other terms are in force"
    assert sale.terms.price <= max_price, "request: price above max_price"
    assert deadline > block.timestamp, "request: deadline has passed"
    assert deadline <= block.timestamp + MAX_DEADLINE_S, "request: deadline too far"
    assert len(features) == 4 * sale.terms.n_features, "request: wrong number of features"
    self._admit(sale.terms.policy_id)

    request_id: uint256 = request_book.n_requests + 1
    request_book.n_requests = request_id
    state: uint256 = request_book.OPEN
    if operator != empty(address):
        serving: bool = staticcall request_book.LEDGER.is_serving(operator, model_id)
        assert serving, "request: operator does not serve it"
        state |= request_book.NAMED
        request_book._answered[request_id] = convert(operator, uint256)
    if callback != empty(address):
        assert callback_gas <= MAX_CALLBACK_GAS, "request: too much gas for callback"
        state |= request_book.CALLED
        request_book._callbacks[request_id] = convert(callback, uint256) | (callback_gas << 160)
        log IInferenceMarket.CallbackAsked(
            request_id=request_id, callback=callback, callback_gas=callback_gas
        )
    else:
        assert callback_gas == 0, "request: gas for no callback"
    request_book._asked[request_id] = request_book._pack_asked(
        msg.sender, sale.terms_id, deadline, deadline - block.timestamp, state
    )
    request_book._features_hash[request_id] = keccak256(features)
    log IInferenceMarket.Requested(
        request_id=request_id,
        model_id=model_id,
        requester=msg.sender,
        terms_id=sale.terms_id,
        operator=operator,
        deadline=deadline,
        features=features,
    )
    request_book._take(sale.currency, sale.terms.price)
    return request_id


# --- views ---


@view
@external
def quote(model_id: uint256, caller: address) -> (uint256, address, uint256):
    sale: IModelRegistry.Sale = request_book._sale(model_id)
    if sale.terms_id == 0:
        return 0, empty(address), 0
    return sale.terms.price, sale.currency, sale.terms_id


@view
@external
def may_ask(model_id: uint256, caller: address) -> String[40]:
    sale: IModelRegistry.Sale = request_book._sale(model_id)
    if sale.terms_id == 0:
        return "market: model is not for sale"
    if sale.terms.policy_id == 0:
        return ""
    return staticcall ACCESS_POLICY.reason(sale.terms.policy_id, caller)


# --- internal ---


@internal
def _admit(policy_id: uint256):
    """
    @dev Policy 0 is open and unlimited, and costs nothing. The caller pays for himself: who buys for others is
         the one admitted.
    """
    if policy_id != 0:
        extcall ACCESS_POLICY.admit(policy_id, msg.sender)


@payable
@internal
def _predict(
    model_id: uint256, features: Bytes[4096], max_price: uint256, terms_id: uint256
) -> Bytes[1024]:
    sale: IModelRegistry.Sale = request_book._sale(model_id)
    assert sale.terms_id != 0, "predict: model is not for sale"
    assert terms_id in [sale.terms_id, 0], "predict: other terms are in force"
    assert sale.terms.price <= max_price, "predict: price above max_price"
    self._admit(sale.terms.policy_id)
    outputs: Bytes[1024] = request_book._evaluate(sale.terms.program_hash, features)
    assert outputs != INVALID, "predict: features are invalid"

    request_book._take(sale.currency, sale.terms.price)
    # No operator worked: his part stays with the treasury.
    request_book._share_out(
        sale.terms, 1, empty(address), sale.currency, sale.holders, sale.treasury
    )
    log IInferenceMarket.Predicted(
        model_id=model_id,
        terms_id=sale.terms_id,
        caller=msg.sender,
        price=sale.terms.price,
        features=features,
        outputs=outputs,
    )
    return outputs
