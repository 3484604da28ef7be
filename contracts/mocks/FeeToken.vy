# pragma version 0.4.3
"""
@title FeeToken: an ERC-20 that can keep a part of every transfer
@license Apache-2.0
@notice For tests only. With a fee of 0 it is an ordinary token that anyone may mint.
"""

# What every transfer loses, of 10,000; set at construction.
FEE_BPS: immutable(uint256)

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
totalSupply: public(uint256)


@deploy
def __init__(fee_bps: uint256):
    FEE_BPS = fee_bps


@external
def mint(receiver: address, amount: uint256):
    self.balanceOf[receiver] += amount
    self.totalSupply += amount


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


@internal
def _move(holder: address, receiver: address, amount: uint256):
    fee: uint256 = amount * FEE_BPS // 10_000
    self.balanceOf[holder] -= amount
    self.balanceOf[receiver] += amount - fee
    self.totalSupply -= fee
