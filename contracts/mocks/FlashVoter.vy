# pragma version 0.4.3
"""
@title FlashVoter: votes with borrowed shares
@license Apache-2.0
@notice For tests only. In one transaction it takes a lender's shares, delegates them to itself,
        makes a call, and gives them back.
"""

from ethereum.ercs import IERC20


interface Votes:
    def delegate(delegatee: address): nonpayable


@external
def run(
    token: address, lender: address, amount: uint256, target: address, data: Bytes[4096]
) -> (bool, Bytes[128]):
    """
    @return (whether the call went through, what it returned)
    """
    assert extcall IERC20(token).transferFrom(lender, self, amount)
    extcall Votes(token).delegate(self)
    success: bool = False
    answer: Bytes[128] = b""
    success, answer = raw_call(target, data, max_outsize=128, revert_on_failure=False)
    assert extcall IERC20(token).transfer(lender, amount)
    return success, answer
