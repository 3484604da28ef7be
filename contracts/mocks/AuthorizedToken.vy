# pragma version 0.4.3
"""
@title AuthorizedToken: an ERC-20 that moves by signature, and a wrapped coin
@license Apache-2.0
@notice For tests only. EIP-3009's receiveWithAuthorization, and deposit and withdraw as a wrapped coin has
        them; anyone may mint.
"""

from ..modules import signatures

initializes: signatures
exports: signatures.eip712Domain

TYPEHASH: constant(bytes32) = keccak256(
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
# Payer -> nonce -> whether it was used.
authorizationState: public(HashMap[address, HashMap[bytes32, bool]])


@deploy
def __init__():
    signatures.__init__("Dollar")


@payable
@external
def deposit():
    self.balanceOf[msg.sender] += msg.value


@external
def withdraw(amount: uint256):
    self.balanceOf[msg.sender] -= amount
    # As Solidity's `transfer` does: 2,300 gas, with the call's value.
    raw_call(msg.sender, b"", value=amount, gas=0)


@external
def mint(receiver: address, amount: uint256):
    self.balanceOf[receiver] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(holder: address, receiver: address, amount: uint256) -> bool:
    self.allowance[holder][msg.sender] -= amount
    self._move(holder, receiver, amount)
    return True


@external
def receiveWithAuthorization(
    payer: address,
    to: address,
    amount: uint256,
    valid_after: uint256,
    valid_before: uint256,
    nonce: bytes32,
    signature: Bytes[640],
):
    assert msg.sender == to, "dollar: caller is not payee"
    assert block.timestamp > valid_after and block.timestamp < valid_before, "dollar: time"
    assert not self.authorizationState[payer][nonce], "dollar: used"
    digest: bytes32 = signatures._digest(
        keccak256(abi_encode(TYPEHASH, payer, to, amount, valid_after, valid_before, nonce))
    )
    assert signatures._is_signed(payer, digest, signature), "dollar: signature"
    self.authorizationState[payer][nonce] = True
    self._move(payer, to, amount)


@internal
def _move(holder: address, receiver: address, amount: uint256):
    self.balanceOf[holder] -= amount
    self.balanceOf[receiver] += amount
