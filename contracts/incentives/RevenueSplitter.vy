# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title RevenueSplitter: the payee of predictions sold over HTTP
@license Apache-2.0
@notice An operator who sells predictions over HTTP is not paid himself: his splitter is, one small
        contract for each model and operator, at an address that follows from both. It shares out what
        comes in by the model's terms: the operator's part, the shareholders' part, the rest to the
        alliance's treasury. Clients pay no other payee.
@dev SPLIT-1: a splitter holds at least what it owes.
     SPLIT-2: the parts of a split add up to what came in; the treasury has what rounding leaves.
     SPLIT-3: a splitter's address follows from its maker, the model and the operator; there is one each.
     SPLIT-4: the operator's part goes to the operator alone, the shareholders' to the model's shares.
     This contract makes splitters, which are minimal proxies of it (ERC-1167): what is immutable here is
     shared by all, what is stored is each one's own.
     Where the alliance's currency is the native coin, its wrapped form comes in, and the coin goes out.
@custom:kill Cannot be stopped: no owner, no upgrade.
"""

from ethereum.ercs import IERC20

from ..interfaces import IModelRegistry
from ..interfaces import IRevenueSplitter
from ..modules import money

implements: IRevenueSplitter


interface WrappedCoin:
    def withdraw(amount: uint256): nonpayable


interface Splitter:
    def begin(model_id: uint256, operator: address): nonpayable


MAX_BPS: constant(uint256) = 10_000
# The creation code of a minimal proxy, before and after the address that it stands for; as Vyper's
# create_minimal_proxy_to writes it.
PROXY_HEAD: constant(Bytes[19]) = x"602d3d8160093d39f3363d3d373d3d3d363d73"
PROXY_TAIL: constant(Bytes[15]) = x"5af43d82803e903d91602b57fd5bf3"

# The contract that makes splitters; theirs is the same, for it is in the code that they run.
MAKER: immutable(address)
REGISTRY: public(immutable(IModelRegistry))
# The native coin as an ERC-20; empty on a chain without one.
WRAPPED: public(immutable(address))

# The model of a splitter; begin writes it, once.
model_id: public(uint256)
# The operator of a splitter; begin writes it, once.
operator: public(address)
# What all accounts are owed, in the model's currency; split and release write it.
_owed_in_all: uint256
# Account -> what it is owed, in the model's currency; split and release write it.
_owed: HashMap[address, uint256]


@deploy
def __init__(registry: IModelRegistry, wrapped: address):
    """
    @param registry Where terms come from.
    @param wrapped The native coin as an ERC-20, or empty on a chain without one.
    """
    assert registry.address.is_contract, "splitter: no registry"
    MAKER = self
    REGISTRY = registry
    WRAPPED = wrapped


# --- anyone ---


@payable
@external
@reentrant
def __default__():
    """
    @dev Unwrapping sends the coin here, with little gas: nothing is done with it but to count it later.
    """
    assert len(msg.data) == 0, "splitter: no such function"


@external
def create(model_id: uint256, operator: address) -> address:
    assert self == MAKER, "create: a splitter makes none"
    assert operator != empty(address), "create: no operator"
    # What was paid to a splitter before it was made is shared out after the sale has ended as well.
    terms_id: uint256 = staticcall REGISTRY.last_terms(model_id)
    assert terms_id != 0, "create: model was never for sale"
    if self._currency(model_id) == money.NATIVE:
        assert WRAPPED != empty(address), "create: coin has no wrapped form"
    splitter: address = create_minimal_proxy_to(self, salt=self._salt(model_id, operator))
    extcall Splitter(splitter).begin(model_id, operator)
    log IRevenueSplitter.SplitterCreated(model_id=model_id, operator=operator, splitter=splitter)
    return splitter


@external
def begin(model_id: uint256, operator: address):
    """
    @notice The maker tells a new splitter whose it is, in the call that makes it.
    """
    assert msg.sender == MAKER, "begin: caller is not the maker"
    assert self.model_id == 0, "begin: begun already"
    self.model_id = model_id
    self.operator = operator


@external
def split() -> uint256:
    model_id: uint256 = self.model_id
    assert model_id != 0, "split: the maker has no income"
    terms_id: uint256 = staticcall REGISTRY.last_terms(model_id)
    terms: IModelRegistry.Terms = staticcall REGISTRY.terms(terms_id)
    currency: address = empty(address)
    holders: address = empty(address)
    treasury: address = empty(address)
    currency, holders, treasury = staticcall REGISTRY.payees(model_id)

    owed: uint256 = self._owed_in_all
    amount: uint256 = self._held(currency) - owed
    if amount == 0:
        return 0
    self._owed_in_all = owed + amount
    # Both divisions round down; the treasury has what is left, so the parts add up.
    for_operator: uint256 = amount * terms.operator_bps // MAX_BPS
    for_holders: uint256 = amount * terms.holders_bps // MAX_BPS
    self._owed[self.operator] += for_operator
    self._owed[holders] += for_holders
    self._owed[treasury] += amount - for_operator - for_holders
    log IRevenueSplitter.Split(
        terms_id=terms_id,
        currency=currency,
        for_operator=for_operator,
        for_holders=for_holders,
        for_treasury=amount - for_operator - for_holders,
    )
    return amount


@external
def release(account: address) -> uint256:
    amount: uint256 = self._owed[account]
    assert amount > 0, "release: nothing owed"
    self._owed[account] = 0
    self._owed_in_all -= amount
    currency: address = self._currency(self.model_id)
    log IRevenueSplitter.Released(account=account, currency=currency, amount=amount)
    money._push(currency, account, amount)
    return amount


# --- views ---


@view
@external
def splitter_of(model_id: uint256, operator: address) -> address:
    code_hash: bytes32 = keccak256(concat(PROXY_HEAD, convert(MAKER, bytes20), PROXY_TAIL))
    digest: bytes32 = keccak256(
        concat(0xff, convert(MAKER, bytes20), self._salt(model_id, operator), code_hash)
    )
    return convert(convert(digest, uint256) & (2**160 - 1), address)


@view
@external
def owed(account: address, currency: address) -> uint256:
    if currency != self._currency(self.model_id):
        return 0
    return self._owed[account]


# --- internal ---


@internal
def _held(currency: address) -> uint256:
    """
    @notice What the splitter holds of the model's currency, with what came in wrapped.
    """
    if currency != money.NATIVE:
        return staticcall IERC20(currency).balanceOf(self)
    wrapped: uint256 = staticcall IERC20(WRAPPED).balanceOf(self)
    if wrapped > 0:
        extcall WrappedCoin(WRAPPED).withdraw(wrapped)
    return self.balance


@view
@internal
def _currency(model_id: uint256) -> address:
    currency: address = empty(address)
    holders: address = empty(address)
    treasury: address = empty(address)
    currency, holders, treasury = staticcall REGISTRY.payees(model_id)
    return currency


@pure
@internal
def _salt(model_id: uint256, operator: address) -> bytes32:
    return keccak256(abi_encode(model_id, operator))
