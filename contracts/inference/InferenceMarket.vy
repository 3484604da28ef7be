# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title InferenceMarket: predictions for sale
@license Apache-2.0
@notice Buy a prediction in one call (`predict`), or ask for one (`request`): a staked operator answers, and
        while the answer's window is open anyone may have this contract run the program itself. A wrong answer
        costs the operator his lock and gives the requester the money back. Every request ends exactly once.
@dev MARKET-1: what is owed and what open requests hold in escrow never exceeds the contract's balance.
     MARKET-2: a request ends once: settled, refunded or slashed; then its state never changes.
     MARKET-3: the price of a request is shared out as the terms say that it was made under.
     MARKET-4: a right answer is never slashed; a wrong one, challenged in its window, always is.
     MARKET-5: each answered request holds its terms' lock of its operator until it ends.
     MARKET-6: which channels of a packet feed a model is said once, by its alliance, and never changes.
@custom:kill Cannot be stopped: no owner, no upgrade. A model leaves the market when its alliance ends the sale.
"""

from ..interfaces import IDeviceRegistry
from ..interfaces import IEvaluator
from ..interfaces import IInferenceMarket
from ..interfaces import IModelRegistry
from ..interfaces import IStakeLedger
from ..modules import money

implements: IInferenceMarket

MAX_BPS: constant(uint256) = 10_000
# Escrow is not to lie for ever; a week is ample for a prediction.
MAX_DEADLINE_S: constant(uint256) = 7 * 86_400
# One transaction's worth.
MAX_SETTLED: constant(uint256) = 64
# A sensor's clock may be ahead of the chain's by this much, as in the DeviceRegistry.
MAX_AHEAD_S: constant(uint256) = 600
# int32 in a reading, one a channel; a model takes each at most once.
N_CHANNELS: constant(uint256) = 16
# The firmware's copy of the temperature: no sensor of its own, and so no feature.
TEMPERATURE2: constant(uint256) = 9
# The outcome of features that the program takes no view of; see docs/numerics.md.
INVALID: constant(Bytes[1024]) = b""

REGISTRY: public(immutable(IModelRegistry))
EVALUATOR: public(immutable(IEvaluator))
LEDGER: public(immutable(IStakeLedger))
DEVICES: public(immutable(IDeviceRegistry))

# How many requests were made; request writes it.
n_requests: public(uint256)
# Request id -> requester (160 bits), deadline (40), terms id (48), status (8), from the low end.
_asked: HashMap[uint256, uint256]
# Request id -> keccak256 of the packed features; request writes it.
_features_hash: HashMap[uint256, bytes32]
# Request id -> operator (160 bits), answered at (40), from the low end; request and answer write it.
_answered: HashMap[uint256, uint256]
# Request id -> keccak256 of the packed outputs; answer writes it.
_outputs_hash: HashMap[uint256, bytes32]
# Account -> currency -> what it may have, in the smallest unit.
owed: public(HashMap[address, HashMap[address, uint256]])
# Model id -> the place in a reading of each feature, a byte each, in the features' order; set_channels
# writes it, once.
channels_of: public(HashMap[uint256, Bytes[N_CHANNELS]])


@deploy
def __init__(
    registry: IModelRegistry,
    evaluator: IEvaluator,
    ledger: IStakeLedger,
    devices: IDeviceRegistry,
):
    """
    @param registry Where terms come from.
    @param evaluator The judge.
    @param ledger Where operators' stake lies; it must have been told of this market.
    @param devices Who reads the packets of sensors.
    """
    assert registry.address != empty(address), "market: registry is zero"
    assert evaluator.address.is_contract, "market: no evaluator"
    assert staticcall ledger.is_judge(self), "market: ledger does not know it"
    assert devices.address.is_contract, "market: no device registry"
    REGISTRY = registry
    EVALUATOR = evaluator
    LEDGER = ledger
    DEVICES = devices


# --- anyone ---


@payable
@external
def predict(model_id: uint256, features: Bytes[4096], max_price: uint256) -> Bytes[1024]:
    return self._predict(model_id, features, max_price)


@payable
@external
def predict_from_packet(
    model_id: uint256, packet: Bytes[512], max_age_s: uint256, max_price: uint256
) -> (address, uint256, Bytes[1024]):
    device: address = empty(address)
    timestamp: uint256 = 0
    readings: Bytes[64] = b""
    device, timestamp, readings = staticcall DEVICES.read_packet(packet)
    alliance: address = staticcall REGISTRY.alliance_of(model_id)
    assert staticcall DEVICES.is_admitted(alliance, device), "predict: sensor is not admitted"
    assert timestamp <= block.timestamp + MAX_AHEAD_S, "predict: packet from the future"
    age_s: uint256 = block.timestamp - min(timestamp, block.timestamp)
    assert age_s <= max_age_s, "predict: packet is too old"

    channels: Bytes[N_CHANNELS] = self.channels_of[model_id]
    assert len(channels) != 0, "predict: model reads no packets"
    outputs: Bytes[1024] = self._predict(model_id, self._pick(readings, channels), max_price)
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
) -> uint256:
    terms_id: uint256 = staticcall REGISTRY.current_terms(model_id)
    assert terms_id != 0, "request: model is not for sale"
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(terms_id)
    assert terms.price <= max_price, "request: price above max_price"
    assert deadline > block.timestamp, "request: deadline has passed"
    assert deadline <= block.timestamp + MAX_DEADLINE_S, "request: deadline too far"
    assert len(features) == 4 * terms.n_features, "request: wrong number of features"
    if operator != empty(address):
        serving: bool = staticcall LEDGER.is_serving(operator, model_id)
        assert serving, "request: operator does not serve it"

    request_id: uint256 = self.n_requests + 1
    self.n_requests = request_id
    self._asked[request_id] = self._pack_asked(
        msg.sender, terms_id, deadline, IInferenceMarket.Status.OPEN
    )
    self._features_hash[request_id] = keccak256(features)
    if operator != empty(address):
        self._answered[request_id] = convert(operator, uint256)
    log IInferenceMarket.Requested(
        request_id=request_id,
        model_id=model_id,
        requester=msg.sender,
        terms_id=terms_id,
        operator=operator,
        deadline=deadline,
        features=features,
    )
    self._take(self._currency_of(model_id), terms.price)
    return request_id


@external
def challenge(request_id: uint256, features: Bytes[4096]):
    request: IInferenceMarket.Request = self._load(request_id)
    assert request.status == IInferenceMarket.Status.ANSWERED, "challenge: no answer stands"
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(request.terms_id)
    in_time: bool = block.timestamp <= request.answered_at + terms.window_s
    assert in_time, "challenge: window is over"
    assert keccak256(features) == request.features_hash, "challenge: other features"
    # A judge that runs out of gas reverts here, and so decides nothing.
    outputs: Bytes[1024] = staticcall EVALUATOR.evaluate(terms.program_hash, features)
    assert keccak256(outputs) != request.outputs_hash, "challenge: the answer is right"

    self._end(request_id, request, IInferenceMarket.Status.SLASHED)
    self.owed[request.requester][self._currency_of(terms.model_id)] += terms.price
    log IInferenceMarket.Challenged(
        request_id=request_id,
        operator=request.operator,
        challenger=msg.sender,
        outputs=outputs,
    )
    extcall LEDGER.slash(request.operator, terms.lock_wei, msg.sender)


@external
def settle(request_ids: DynArray[uint256, MAX_SETTLED]):
    for request_id: uint256 in request_ids:
        request: IInferenceMarket.Request = self._load(request_id)
        assert request.status == IInferenceMarket.Status.ANSWERED, "settle: no answer stands"
        terms: IModelRegistry.Terms = staticcall REGISTRY.terms(request.terms_id)
        over: bool = block.timestamp > request.answered_at + terms.window_s
        assert over, "settle: window is open"

        self._end(request_id, request, IInferenceMarket.Status.SETTLED)
        currency: address = empty(address)
        holders: address = empty(address)
        treasury: address = empty(address)
        currency, holders, treasury = staticcall REGISTRY.payees(terms.model_id)
        self._share_out(currency, terms, request.operator, holders, treasury)
        log IInferenceMarket.Settled(request_id=request_id, operator=request.operator)
        extcall LEDGER.release(request.operator, terms.lock_wei)


@external
def refund(request_id: uint256):
    request: IInferenceMarket.Request = self._load(request_id)
    assert request.status == IInferenceMarket.Status.OPEN, "refund: request is not open"
    assert block.timestamp > request.deadline, "refund: deadline not over"
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(request.terms_id)
    self._end(request_id, request, IInferenceMarket.Status.REFUNDED)
    self.owed[request.requester][self._currency_of(terms.model_id)] += terms.price
    log IInferenceMarket.Refunded(request_id=request_id, requester=request.requester)


@external
def pay(account: address, currency: address) -> uint256:
    amount: uint256 = self.owed[account][currency]
    assert amount > 0, "pay: nothing owed"
    self.owed[account][currency] = 0
    log IInferenceMarket.Paid(account=account, currency=currency, amount=amount)
    money._push(currency, account, amount)
    return amount


# --- operators ---


@external
def answer(request_id: uint256, outputs: Bytes[1024]):
    request: IInferenceMarket.Request = self._load(request_id)
    assert request.status == IInferenceMarket.Status.OPEN, "answer: request is not open"
    assert block.timestamp <= request.deadline, "answer: deadline has passed"
    if request.operator != empty(address):
        assert request.operator == msg.sender, "answer: another operator is named"
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(request.terms_id)
    serving: bool = staticcall LEDGER.is_serving(msg.sender, terms.model_id)
    assert serving, "answer: caller does not serve it"

    self._asked[request_id] = self._pack_asked(
        request.requester, request.terms_id, request.deadline, IInferenceMarket.Status.ANSWERED
    )
    self._answered[request_id] = convert(msg.sender, uint256) | (block.timestamp << 160)
    self._outputs_hash[request_id] = keccak256(outputs)
    log IInferenceMarket.Answered(
        request_id=request_id,
        operator=msg.sender,
        challengeable_until=block.timestamp + terms.window_s,
        outputs=outputs,
    )
    extcall LEDGER.lock(msg.sender, terms.lock_wei)


# --- alliances ---


@external
def set_channels(model_id: uint256, channels: Bytes[N_CHANNELS]):
    alliance: address = staticcall REGISTRY.alliance_of(model_id)
    assert msg.sender == alliance, "channels: caller is not alliance"
    assert len(self.channels_of[model_id]) == 0, "channels: set already"
    assert len(channels) != 0, "channels: none"
    for i: uint256 in range(len(channels), bound=N_CHANNELS):
        place: uint256 = convert(slice(channels, i, 1), uint256)
        assert place < N_CHANNELS and place != TEMPERATURE2, "channels: no such channel"
    self.channels_of[model_id] = channels
    log IInferenceMarket.ChannelsSet(model_id=model_id, channels=channels)


# --- views ---


@view
@external
def get_request(request_id: uint256) -> IInferenceMarket.Request:
    return self._load(request_id)


@view
@external
def quote(model_id: uint256, caller: address) -> (uint256, address, uint256):
    terms_id: uint256 = staticcall REGISTRY.current_terms(model_id)
    if terms_id == 0:
        return 0, empty(address), 0
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(terms_id)
    return terms.price, self._currency_of(model_id), terms_id


# --- internal ---


@payable
@internal
def _predict(model_id: uint256, features: Bytes[4096], max_price: uint256) -> Bytes[1024]:
    terms_id: uint256 = staticcall REGISTRY.current_terms(model_id)
    assert terms_id != 0, "predict: model is not for sale"
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(terms_id)
    assert terms.price <= max_price, "predict: price above max_price"
    outputs: Bytes[1024] = staticcall EVALUATOR.evaluate(terms.program_hash, features)
    assert outputs != INVALID, "predict: features are invalid"

    currency: address = empty(address)
    holders: address = empty(address)
    treasury: address = empty(address)
    currency, holders, treasury = staticcall REGISTRY.payees(model_id)
    self._take(currency, terms.price)
    # No operator worked: his part stays with the treasury.
    self._share_out(currency, terms, empty(address), holders, treasury)
    log IInferenceMarket.Predicted(
        model_id=model_id,
        terms_id=terms_id,
        caller=msg.sender,
        price=terms.price,
        features=features,
        outputs=outputs,
    )
    return outputs


@pure
@internal
def _pick(readings: Bytes[64], channels: Bytes[N_CHANNELS]) -> Bytes[4 * N_CHANNELS]:
    """
    @notice The readings of some channels, four bytes each, in their order.
    """
    words: uint256[2] = [
        extract32(readings, 0, output_type=uint256), extract32(readings, 32, output_type=uint256)
    ]
    picked: uint256[2] = [0, 0]
    for i: uint256 in range(len(channels), bound=N_CHANNELS):
        place: uint256 = convert(slice(channels, i, 1), uint256)
        reading: uint256 = (words[place // 8] >> (224 - 32 * (place % 8))) & (2**32 - 1)
        picked[i // 8] |= reading << (224 - 32 * (i % 8))
    both: Bytes[64] = concat(convert(picked[0], bytes32), convert(picked[1], bytes32))
    return slice(both, 0, 4 * len(channels))


@view
@internal
def _currency_of(model_id: uint256) -> address:
    currency: address = empty(address)
    holders: address = empty(address)
    treasury: address = empty(address)
    currency, holders, treasury = staticcall REGISTRY.payees(model_id)
    return currency


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
def _share_out(
    currency: address,
    terms: IModelRegistry.Terms,
    operator: address,
    holders: address,
    treasury: address,
):
    """
    @dev Both divisions round down; the treasury has what is left, so the parts add up to the price.
    """
    for_operator: uint256 = 0
    if operator != empty(address):
        for_operator = terms.price * terms.operator_bps // MAX_BPS
        if for_operator > 0:
            self.owed[operator][currency] += for_operator
    for_holders: uint256 = terms.price * terms.holders_bps // MAX_BPS
    if for_holders > 0:
        self.owed[holders][currency] += for_holders
    for_treasury: uint256 = terms.price - for_operator - for_holders
    if for_treasury > 0:
        self.owed[treasury][currency] += for_treasury


@internal
def _end(request_id: uint256, request: IInferenceMarket.Request, status: IInferenceMarket.Status):
    self._asked[request_id] = self._pack_asked(
        request.requester, request.terms_id, request.deadline, status
    )


@pure
@internal
def _pack_asked(
    requester: address, terms_id: uint256, deadline: uint256, status: IInferenceMarket.Status
) -> uint256:
    # A deadline is at most a week from now and terms are counted one by one: both fit.
    return (
        convert(requester, uint256)
        | (deadline << 160)
        | (terms_id << 200)
        | (convert(status, uint256) << 248)
    )


@view
@internal
def _load(request_id: uint256) -> IInferenceMarket.Request:
    assert request_id != 0 and request_id <= self.n_requests, "market: unknown request"
    asked: uint256 = self._asked[request_id]
    answered: uint256 = self._answered[request_id]
    return IInferenceMarket.Request(
        requester=convert(asked & (2**160 - 1), address),
        terms_id=(asked >> 200) & (2**48 - 1),
        deadline=(asked >> 160) & (2**40 - 1),
        status=convert(asked >> 248, IInferenceMarket.Status),
        features_hash=self._features_hash[request_id],
        operator=convert(answered & (2**160 - 1), address),
        answered_at=answered >> 160,
        outputs_hash=self._outputs_hash[request_id],
    )
