# pragma version 0.4.3
"""
@title HookToken: an ERC-20 that tells the receiver before it moves the balance
@license Apache-2.0
@notice For tests only. Like ERC-777's hooks, at the worst moment: the receiver is called while the
        payer still seems to hold what it pays.
"""

balanceOf: public(HashMap[address, uint256])


@external
def mint(receiver: address, amount: uint256):
    self.balanceOf[receiver] += amount


@external
def transfer(receiver: address, amount: uint256) -> bool:
    if receiver.is_contract:
        raw_call(receiver, b"")
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount
    return True
