# pragma version 0.4.3
"""
@title Receiver: a contract that is told of answers, and behaves as it is told
@license Apache-2.0
@notice For tests only. Asks the market for predictions under its own address, and on being told of the answer
        keeps it, reverts, burns its gas, returns a megabyte, or calls back.
"""

# What it does when told: 0 keeps it, 1 reverts, 2 burns all gas, 3 returns what costs its reader dearly, 4 calls
# `target` with `data`; behave writes it.
mode: public(uint256)
target: public(address)
data: public(Bytes[1024])
# What it was told, by whom and with how much gas; on_prediction writes it.
told_id: public(uint256)
told_outputs: public(Bytes[1024])
told_until: public(uint256)
told_gas: public(uint256)
# Whether the call of mode 4 went through; on_prediction writes it.
success: public(bool)


@payable
@external
def __default__():
    pass


@external
def behave(mode: uint256, target: address, data: Bytes[1024]):
    self.mode = mode
    self.target = target
    self.data = data


@payable
@external
def forward(target: address, data: Bytes[8192]):
    raw_call(target, data, value=msg.value)


@external
@raw_return
def on_prediction(
    request_id: uint256, outputs: Bytes[1024], challengeable_until: uint256
) -> Bytes[65536]:
    gas_left: uint256 = msg.gas
    if self.mode == 1:
        raise "receiver: does not want it"
    if self.mode == 2:
        for i: uint256 in range(2**64):
            self.told_gas = i
    if self.mode == 3:
        return empty(Bytes[65536])
    self.told_gas = gas_left
    self.told_id = request_id
    self.told_outputs = outputs
    self.told_until = challengeable_until
    if self.mode == 4:
        self.success = raw_call(self.target, self.data, revert_on_failure=False)
    return b""
