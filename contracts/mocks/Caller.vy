# pragma version 0.4.3
"""
@title Caller: a contract where an account is expected
@license Apache-2.0
@notice For tests only. Passes calls on under its own address, and takes coin or refuses it as told.
"""

# Whether coin sent here is refused; set_refusing writes it.
refuses: public(bool)


@payable
@external
def __default__():
    assert not self.refuses, "caller: refuses coin"


@payable
@external
def forward(target: address, data: Bytes[8192]) -> Bytes[2048]:
    """
    @notice Call `target` with `data` and the coin sent; a revert is passed on with its reason.
    """
    return raw_call(target, data, max_outsize=2048, value=msg.value)


@external
def set_refusing(refuses: bool):
    self.refuses = refuses
