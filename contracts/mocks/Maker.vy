# pragma version 0.4.3
"""
@title Maker: a contract that creates another when it is called
@license Apache-2.0
@notice For tests only. What it creates is a copy of whatever it was last told.
"""

# What make copies; set_model writes it.
model: public(address)


@external
def set_model(model: address):
    self.model = model


@external
def make() -> address:
    return create_copy_of(self.model)
