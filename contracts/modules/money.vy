# pragma version 0.4.3
"""
@title Money: one currency, coin or token
@license Apache-2.0
@notice Takes in and sends out an alliance's currency: the chain's native coin or an ERC-20.
@dev The native coin goes by its ERC-7528 address. A token that returns nothing is taken to have succeeded;
     one that delivers less than it was told to is refused, so that what is owed is always at hand.
"""

from ethereum.ercs import IERC20

# ERC-7528's name for the native coin.
NATIVE: constant(address) = 0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE


@internal
@payable
def _pull(currency: address, amount: uint256) -> uint256:
    """
    @notice Take `amount` from the caller.
    @return excess Native coin that came above the amount; the caller of this function owes it back.
    """
    if currency == NATIVE:
        assert msg.value >= amount, "money: too little sent"
        return unsafe_sub(msg.value, amount)  # the line above rules an underflow out

    assert msg.value == 0, "money: currency is a token"
    if amount == 0:
        return 0
    token: IERC20 = IERC20(currency)
    before: uint256 = staticcall token.balanceOf(self)
    assert extcall token.transferFrom(
        msg.sender, self, amount, default_return_value=True
    ), "money: token refused"
    assert staticcall token.balanceOf(self) - before >= amount, "money: token delivered less"
    return 0


@internal
def _push(currency: address, to: address, amount: uint256):
    """
    @notice Send `amount` to an account; reverts if the account or the token refuses.
    """
    if currency == NATIVE:
        sent: bool = raw_call(to, b"", value=amount, revert_on_failure=False)
        assert sent, "money: receiver refused"
    else:
        assert extcall IERC20(currency).transfer(
            to, amount, default_return_value=True
        ), "money: token did not pay"
