# pragma version 0.4.3
"""
@title Reentrant: calls back when it is paid
@license Apache-2.0
@notice For tests only. On receiving coin it makes the call that it was armed with, and notes what came of it.
"""

# Where and what it calls when paid; arm writes both.
target: public(address)
data: public(Bytes[1024])
# How often it was paid while armed, and how often its call went through; __default__ writes both.
tries: public(uint256)
successes: public(uint256)


@payable
@external
def __default__():
    if self.target != empty(address):
        self.tries += 1
        success: bool = raw_call(self.target, self.data, revert_on_failure=False)
        if success:
            self.successes += 1


@external
def arm(target: address, data: Bytes[1024]):
    self.target = target
    self.data = data


@payable
@external
def forward(target: address, data: Bytes[8192]):
    raw_call(target, data, value=msg.value)
