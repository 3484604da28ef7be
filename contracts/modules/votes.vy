# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Votes: who had how many, and when
@license Apache-2.0
@notice The votes of each account and the supply, now and at the end of any past second.
@dev SHARE-2: whoever uses this module moves votes with the shares of accounts that have delegated.
"""

from ..interfaces import IShareToken
from . import checkpoints as history

initializes: history

CLOCK_MODE: public(constant(String[14])) = "mode=timestamp"

# 19.8 billion whole shares: what a checkpoint can hold.
MAX_VOTES: constant(uint256) = history.MAX_VALUE
# The supply's history lies under the account that can neither hold nor delegate.
_SUPPLY: constant(address) = empty(address)


# --- views ---


@view
@external
@reentrant
def totalSupply() -> uint256:
    return self._supply()


@view
@external
@reentrant
def clock() -> uint48:
    return convert(block.timestamp, uint48)


@view
@external
@reentrant
def getVotes(account: address) -> uint256:
    return 0 if account == _SUPPLY else history._latest(account)


@view
@external
@reentrant
def getPastVotes(account: address, timepoint: uint256) -> uint256:
    assert timepoint < block.timestamp, "share: votes of the future"
    return 0 if account == _SUPPLY else history._at(account, timepoint)


@view
@external
@reentrant
def getPastTotalSupply(timepoint: uint256) -> uint256:
    assert timepoint < block.timestamp, "share: supply of the future"
    return history._at(_SUPPLY, timepoint)


@view
@external
@reentrant
def numCheckpoints(account: address) -> uint32:
    return 0 if account == _SUPPLY else convert(history._count(account), uint32)


@view
@external
@reentrant
def checkpoints(account: address, position: uint32) -> (uint48, uint208):
    """
    @return (timestamp, votes from then on) of an account's checkpoint, the oldest being 0.
    """
    assert account != _SUPPLY, "share: no such checkpoint"
    timestamp: uint256 = 0
    votes: uint256 = 0
    timestamp, votes = history._checkpoint(account, convert(position, uint256))
    return convert(timestamp, uint48), convert(votes, uint208)


# --- internal ---


@view
@internal
def _supply() -> uint256:
    return history._latest(_SUPPLY)


@internal
def _set_supply(supply: uint256):
    """
    @param supply At most MAX_VOTES: the caller has checked it.
    """
    history._push(_SUPPLY, supply)


@internal
def _move_votes(giver: address, taker: address, amount: uint256):
    if giver == taker or amount == 0:
        return
    if giver != empty(address):
        before: uint256 = history._latest(giver)
        after: uint256 = before - amount
        history._push(giver, after)
        log IShareToken.DelegateVotesChanged(delegate=giver, previousVotes=before, newVotes=after)
    if taker != empty(address):
        before: uint256 = history._latest(taker)
        after: uint256 = before + amount  # at most the supply
        history._push(taker, after)
        log IShareToken.DelegateVotesChanged(delegate=taker, previousVotes=before, newVotes=after)
