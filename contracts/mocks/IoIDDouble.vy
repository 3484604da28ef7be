# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title IoIDDouble: the read functions of IoTeX's ioIDRegistry and ioID in one, for local chains
@license Apache-2.0
@notice Answers as the real ones do, reverts where they revert. Anyone may set an owner: never use
        it where it matters.
"""

from ..interfaces import IIoID
from ..interfaces import IIoIDRegistry

implements: IIoID
implements: IIoIDRegistry

# Device -> its token; 0 if it has none.
_token_of: HashMap[address, uint256]
# Token -> its owner.
_owner_of: HashMap[uint256, address]
# Tokens given out.
_n_tokens: uint256


@external
def set_owner(device: address, owner: address):
    token_id: uint256 = self._token_of[device]
    if token_id == 0:
        self._n_tokens += 1
        token_id = self._n_tokens
        self._token_of[device] = token_id
    self._owner_of[token_id] = owner


@view
@external
def exists(device: address) -> bool:
    return self._token_of[device] != 0


@view
@external
def deviceTokenId(device: address) -> uint256:
    assert self._token_of[device] != 0, "ioid double: no such device"
    return self._token_of[device]


@view
@external
def ownerOf(tokenId: uint256) -> address:
    assert self._owner_of[tokenId] != empty(address), "ioid double: no such token"
    return self._owner_of[tokenId]
