# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ShareToken: shares of an alliance
@license Apache-2.0
@notice Whoever holds shares owns a part of the alliance: shares vote on its proposals and earn its
        income. Votes count once they are delegated; the founders' are from the start, to
        themselves. Income in the alliance's currency is simply sent here; once recognised (`sync`)
        it streams to the holders over a fixed period, so that nobody gains by buying just before it
        lands. New shares come only from the alliance's own vote and from its training rounds, under
        a cap that only the vote can move.
@dev SHARE-1: balances sum to the supply; the supply is at least MIN_SUPPLY, at most the cap, and
     never falls.
     SHARE-2: votes of all accounts sum to the shares of all accounts that have delegated.
     SHARE-3: what was ever claimed, plus what is claimable, never exceeds the income recognised.
     SHARE-4: the balance in the currency covers all that is recognised and unclaimed.
     SHARE-5: a holder's rounding loss is below one unit of the currency for each claim, and
     nobody's gain.
     SHARE-6: a claim pays the holder and nobody else; if it refuses, only its own claim fails.
     SHARE-7: shares earn from the second they are held, nothing of what flowed before.
     Functions without calls outward are @reentrant: a holder may use its shares while it is being
     paid.
@custom:kill Cannot be stopped: no owner, no upgrade. The timelock can mint up to the cap and move
             the cap.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from ..interfaces import IShareToken
from ..modules import money
from ..modules import revenue
from ..modules import signatures
from ..modules import votes

implements: IERC20
implements: IERC20Detailed
implements: IShareToken

initializes: revenue
initializes: signatures
initializes: votes

exports: (signatures.eip712Domain, signatures.nonces)
exports: (
    votes.totalSupply,
    votes.clock,
    votes.CLOCK_MODE,
    votes.getVotes,
    votes.getPastVotes,
    votes.getPastTotalSupply,
    votes.numCheckpoints,
    votes.checkpoints,
)

decimals: public(constant(uint8)) = 18

# 19.8 billion whole shares.
MAX_CAP: constant(uint256) = votes.MAX_VOTES
# One whole share: keeps the income of one part of a share below what its word can hold.
MIN_SUPPLY: constant(uint256) = 10**18
MAX_FOUNDERS: constant(uint256) = 64
# An hour is the least that still keeps a buyer of the last minute out; a quarter the longest to
# wait.
MIN_STREAM_S: constant(uint256) = 3_600
MAX_STREAM_S: constant(uint256) = 90 * 86_400

_PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
_DELEGATION_TYPEHASH: constant(bytes32) = keccak256(
    "Delegation(address delegatee,uint256 nonce,uint256 expiry)"
)

# A holder's word: index at its last change << 96 | votes for itself << 95 | balance.
_INDEX_SHIFT: constant(uint256) = 96
_SELF_DELEGATED: constant(uint256) = 2**95
_LOW_MASK: constant(uint256) = 2**96 - 1

name: public(immutable(String[64]))
symbol: public(immutable(String[16]))
currency: public(immutable(address))
timelock: public(immutable(address))
rounds: public(immutable(address))
stream_period_s: public(immutable(uint256))

# Most shares that may exist; set_cap writes it.
cap: reentrant(public(uint256))
# Account -> its word, see above; _transfer, _mint, _delegate and claim write it.
_holders: HashMap[address, uint256]
# Account -> income earned before the index in its word, scaled by 2**104; _transfer, _mint and
# claim write it.
_earned: HashMap[address, uint256]
# Account -> who votes for it, if not itself; _delegate writes it.
_delegates: HashMap[address, address]
# Owner -> spender -> shares that it may still move.
allowance: reentrant(public(HashMap[address, HashMap[address, uint256]]))


@deploy
def __init__(
    name_: String[64],
    symbol_: String[16],
    currency_: address,
    timelock_: address,
    rounds_: address,
    cap_: uint256,
    stream_period_s_: uint256,
    holders: DynArray[address, MAX_FOUNDERS],
    amounts: DynArray[uint256, MAX_FOUNDERS],
):
    """
    @param name_ Name of the token, and of its signing domain (version 1).
    @param symbol_ Its ticker.
    @param currency_ An ERC-20, or 0xEeee...EEeE for the native coin. Rebasing tokens are not
           supported.
    @param timelock_ The alliance's timelock, deployed or predicted.
    @param rounds_ The training rounds, second minter.
    @param cap_ Most shares that may exist.
    @param stream_period_s_ How long recognised income streams.
    @param holders The founders; their votes are delegated to themselves.
    @param amounts Their shares.
    """
    assert timelock_ != empty(address) and rounds_ != empty(address), "share: minter is zero"
    assert currency_ == money.NATIVE or currency_.is_contract, "share: currency is no contract"
    assert cap_ <= MAX_CAP, "share: cap too large"
    assert MIN_STREAM_S <= stream_period_s_, "share: stream too short"
    assert stream_period_s_ <= MAX_STREAM_S, "share: stream too long"
    assert len(holders) == len(amounts), "share: founders unlike amounts"
    signatures.__init__(name_)
    name = name_
    symbol = symbol_
    currency = currency_
    timelock = timelock_
    rounds = rounds_
    stream_period_s = stream_period_s_
    self.cap = cap_
    log IShareToken.CapSet(cap=cap_)

    supply: uint256 = 0
    for i: uint256 in range(len(holders), bound=MAX_FOUNDERS):
        holder: address = holders[i]
        amount: uint256 = amounts[i]
        self._check_receiver(holder)
        assert amount > 0, "share: founder without shares"
        supply += amount
        word: uint256 = self._holders[holder]
        if word == 0:
            word = _SELF_DELEGATED
            log IShareToken.DelegateChanged(
                delegator=holder, fromDelegate=empty(address), toDelegate=holder
            )
        self._holders[holder] = word + amount  # bounded by the cap, checked below
        log IERC20.Transfer(sender=empty(address), receiver=holder, value=amount)
        votes._move_votes(empty(address), holder, amount)
    assert supply >= MIN_SUPPLY, "share: less than one share"
    assert supply <= cap_, "share: founders above the cap"
    votes._set_supply(supply)


# --- anyone: income ---


@payable
@external
@reentrant
def __default__():
    """
    @notice Income in the native coin is sent as is: no data, 2,300 gas suffice.
    """
    assert len(msg.data) == 0, "share: unknown function"
    assert currency == money.NATIVE, "share: currency is a token"


@external
def sync() -> uint256:
    amount: uint256 = revenue._recognise(self._held(), votes._supply(), stream_period_s)
    if amount != 0:
        log IShareToken.IncomeRecognised(amount=amount, ends_at=revenue._ends_at())
    return amount


@external
def claim(holder: address) -> uint256:
    word: uint256 = self._holders[holder]
    earned: uint256 = self._earned[holder]
    index: uint256 = revenue._index()
    balance: uint256 = word & MAX_CAP
    owed: uint256 = earned + balance * (index - (word >> _INDEX_SHIFT))
    amount: uint256 = owed >> revenue.SCALE_BITS
    if amount == 0:
        return 0

    rest: uint256 = owed - (amount << revenue.SCALE_BITS)
    if earned == 0:
        # Keep the fraction by leaving the index a little behind: rest / balance is below what it
        # has moved. Rounds against the holder, by less than balance / 2**104 of a unit.
        index -= rest // balance
    else:
        self._earned[holder] = rest
    self._holders[holder] = (index << _INDEX_SHIFT) | (word & _LOW_MASK)
    revenue._pay_out(amount)
    log IShareToken.IncomeClaimed(holder=holder, amount=amount)
    money._push(currency, holder, amount)
    return amount


# --- holders: shares ---


@external
@reentrant
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
@reentrant
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "share: allowance too small"
        self.allowance[owner][msg.sender] = unsafe_sub(allowed, amount)  # just checked
    self._transfer(owner, to, amount)
    return True


@external
@reentrant
def approve(spender: address, amount: uint256) -> bool:
    self._approve(msg.sender, spender, amount)
    return True


@external
@reentrant
def permit(
    owner: address,
    spender: address,
    amount: uint256,
    deadline: uint256,
    v: uint8,
    r: bytes32,
    s: bytes32,
):
    assert block.timestamp <= deadline, "share: permit has expired"
    digest: bytes32 = signatures._digest(
        keccak256(
            abi_encode(
                _PERMIT_TYPEHASH, owner, spender, amount, signatures._use_nonce(owner), deadline
            )
        )
    )
    signer: address = signatures._recover(
        digest, convert(v, uint256), convert(r, uint256), convert(s, uint256)
    )
    assert signer == owner and signer != empty(address), "share: permit not by owner"
    self._approve(owner, spender, amount)


# --- holders: votes ---


@external
@reentrant
def delegate(delegatee: address):
    self._delegate(msg.sender, delegatee)


@external
@reentrant
def delegateBySig(
    delegatee: address, nonce: uint256, expiry: uint256, v: uint8, r: bytes32, s: bytes32
):
    assert block.timestamp <= expiry, "share: delegation has expired"
    signer: address = signatures._recover(
        signatures._digest(keccak256(abi_encode(_DELEGATION_TYPEHASH, delegatee, nonce, expiry))),
        convert(v, uint256),
        convert(r, uint256),
        convert(s, uint256),
    )
    assert signer != empty(address), "share: delegation not signed"
    assert nonce == signatures._use_nonce(signer), "share: nonce already used"
    self._delegate(signer, delegatee)


# --- the alliance and its rounds ---


@external
@reentrant
def mint(receiver: address, amount: uint256):
    assert msg.sender == timelock or msg.sender == rounds, "share: caller may not mint"
    self._check_receiver(receiver)
    supply_before: uint256 = votes._supply()
    supply_after: uint256 = supply_before + amount
    assert supply_after <= self.cap, "share: mint above the cap"

    revenue._restream(0, supply_before, supply_after, 0)
    votes._set_supply(supply_after)
    word: uint256 = self._holders[receiver]
    self._settle(receiver, word, revenue._index(), (word & _LOW_MASK) + amount)
    log IERC20.Transfer(sender=empty(address), receiver=receiver, value=amount)
    votes._move_votes(empty(address), self._delegate_of(receiver, word), amount)


@external
@reentrant
def set_cap(cap: uint256):
    assert msg.sender == timelock, "share: only the timelock sets caps"
    assert cap >= votes._supply(), "share: cap below the supply"
    assert cap <= MAX_CAP, "share: cap above the maximum"
    self.cap = cap
    log IShareToken.CapSet(cap=cap)


# --- views ---


@view
@external
@reentrant
def balanceOf(account: address) -> uint256:
    return self._holders[account] & MAX_CAP


@view
@external
@reentrant
def DOMAIN_SEPARATOR() -> bytes32:
    return signatures._domain_separator()


@view
@external
@reentrant
def delegates(account: address) -> address:
    return self._delegate_of(account, self._holders[account])


@view
@external
@reentrant
def claimable(holder: address) -> uint256:
    word: uint256 = self._holders[holder]
    owed: uint256 = self._earned[holder] + (word & MAX_CAP) * (
        revenue._index() - (word >> _INDEX_SHIFT)
    )
    return owed >> revenue.SCALE_BITS


@view
@external
def unrecognised() -> uint256:
    held: uint256 = self._held()
    return min(held - min(held, revenue._accounted), revenue.MAX_INCOME - revenue._income)


@view
@external
@reentrant
def streaming() -> (uint256, uint256):
    return revenue._unflowed(votes._supply()), revenue._ends_at()


@view
@external
@reentrant
def income() -> (uint256, uint256):
    """
    @return (income recognised ever, the part of it not yet claimed), units of the currency.
    """
    return revenue._income, revenue._accounted


# --- internal ---


@view
@internal
def _check_receiver(receiver: address):
    # Shares of this contract would earn income that nobody could claim.
    assert receiver != empty(address) and receiver != self, "share: receiver cannot hold"


@view
@internal
def _held() -> uint256:
    if currency == money.NATIVE:
        return self.balance
    return staticcall IERC20(currency).balanceOf(self)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)


@internal
def _transfer(sender: address, to: address, amount: uint256):
    self._check_receiver(to)
    index: uint256 = revenue._index()
    word: uint256 = self._holders[sender]
    assert word & MAX_CAP >= amount, "share: balance too small"
    self._settle(sender, word, index, unsafe_sub(word & _LOW_MASK, amount))  # just checked
    # Read after the sender's word is written: the two may be one.
    to_word: uint256 = self._holders[to]
    self._settle(to, to_word, index, unsafe_add(to_word & _LOW_MASK, amount))  # below the supply
    log IERC20.Transfer(sender=sender, receiver=to, value=amount)
    votes._move_votes(self._delegate_of(sender, word), self._delegate_of(to, to_word), amount)


@internal
def _settle(account: address, word: uint256, index: uint256, low: uint256):
    """
    @notice Book what an account's balance has earned, then give it a new balance.
    """
    balance: uint256 = word & MAX_CAP
    moved: uint256 = unsafe_sub(index, word >> _INDEX_SHIFT)  # REV-1
    if balance != 0 and moved != 0:
        # Below 2**217: all balances together earn no more than the income recognised.
        self._earned[account] += unsafe_mul(balance, moved)
    self._holders[account] = (index << _INDEX_SHIFT) | low


@view
@internal
def _delegate_of(account: address, word: uint256) -> address:
    return account if word & _SELF_DELEGATED != 0 else self._delegates[account]


@internal
def _delegate(delegator: address, delegatee: address):
    word: uint256 = self._holders[delegator]
    before: address = self._delegate_of(delegator, word)
    if delegatee == delegator:
        self._holders[delegator] = word | _SELF_DELEGATED
    else:
        self._delegates[delegator] = delegatee
        if word & _SELF_DELEGATED != 0:
            self._holders[delegator] = word ^ _SELF_DELEGATED
    log IShareToken.DelegateChanged(delegator=delegator, fromDelegate=before, toDelegate=delegatee)
    votes._move_votes(before, delegatee, word & MAX_CAP)
