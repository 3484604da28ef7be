# pragma version 0.4.3
"""
@title Code binding: what was voted on is what runs
@license Apache-2.0
@notice Remembers, for each contract that proposals call, the code that they saw, and when that was
        last seen to have changed.
@dev GOV-4. A proposal is older than a change if it was made before the block in which the change
     was recorded; within one block, the code at the block's end counts. Code behind a proxy or a
     delegation is not seen, nor is code that a contract changes by an earlier call of the same
     execution.
     An account of a key may delegate to code (EIP-7702), or to other code, at any time: where a call
     only pays it, that stops nothing, or a payee whose wallet became such an account would stop all
     that was voted on with his payment. Nobody but the key's owner can have done it; the coin is his
     with code and without, and what runs has his rights and no others. A contract that appears where
     there was no code is nobody's known address, and is refused.
"""

# An account's code while it delegates: this, which no contract's begins with (EIP-3541), and an address.
DELEGATION: constant(bytes3) = 0xef0100
DELEGATION_SIZE: constant(uint256) = 23


# Contract -> its code hash as the newest proposal that calls it saw it; propose writes it.
_code_hash: HashMap[address, bytes32]
# Contract -> unix seconds when a proposal last saw that its code had changed; propose writes it.
_code_changed_at: HashMap[address, uint256]


@view
@external
def bound_code(target: address) -> (bytes32, uint256):
    return self._code_hash[target], self._code_changed_at[target]


@internal
def _bind(target: address, is_payment: bool) -> bool:
    """
    @notice Remember the code that a proposal calls.
    @param is_payment Whether it calls without data.
    @return Whether there is none, or an account that is only paid.
    """
    if self._is_codeless(target, is_payment):
        return True
    code_hash: bytes32 = target.codehash
    known: bytes32 = self._code_hash[target]
    if known != code_hash:
        if known != empty(bytes32):
            self._code_changed_at[target] = block.timestamp
        self._code_hash[target] = code_hash
    return False


@view
@internal
def _check_codeless(target: address, is_payment: bool):
    assert self._is_codeless(target, is_payment), "execute: code has appeared"


@view
@internal
def _is_codeless(target: address, is_payment: bool) -> bool:
    if not target.is_contract:
        return True
    if not is_payment or target.codesize != DELEGATION_SIZE:
        return False
    return convert(slice(target.code, 0, 3), bytes3) == DELEGATION


@view
@internal
def _check(target: address, proposed_at: uint256):
    assert target.codehash == self._code_hash[target], "execute: code has changed"
    assert self._code_changed_at[target] <= proposed_at, "execute: code changed meanwhile"
