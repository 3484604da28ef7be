"""An alliance puts a program on sale whose trees are walked so long that no block has gas for it: its
operator's answers could never be challenged, whatever they say, and every price is his.

The store knows a program's bound from its header, and what exceeds a transaction cannot be sold.
"""

import boa
import pytest

from tests.conftest import PRODUCTION, SOME_CID
from tests.stateful._boa_system import deploy_system, load

NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
COIN = 10**18
FIRST_NARROW_TREES = 5  # the kernel's number
N_TREES = 351


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def header_of(chunk_id: bytes, n_chunks: int, deeper: int) -> bytes:
    """A well-formed header of one feature whose trees go on for `deeper` pages."""
    table = (n_chunks + 31) // 32
    n_words = 2 + 12 + 1 + 1 + table + n_chunks
    magic = 1_129_467_441
    meta = magic << 224 | 3 << 216 | 1 << 192 | 1 << 176 | n_words << 160 | n_chunks << 144
    group = [0, 2**256 - 1, *[0] * 10]
    layer = 1 << 240 | 1 << 224 | deeper << 136
    return b"".join(map(word, [meta, 0, *group, layer, 0, *[0] * table])) + chunk_id * n_chunks


@pytest.fixture(scope="module")
def system():
    return deploy_system()


@pytest.fixture
def on_sale(system):
    """Sell a program; the caller's the alliance."""
    hands = boa.env.generate_address("timelock")
    registry = system["ModelRegistry"]

    def sell(program_hash: bytes, lock_wei: int = COIN) -> None:
        token = load("ShareToken").deploy(
            "S", "S", NATIVE, hands, system["TrainingRounds"].address, 10**24, 7 * 86_400,
            [hands], [COIN],
        )  # fmt: skip
        with boa.env.prank(hands):
            model = registry.create_model("m", token, word(1), SOME_CID)
            registry.register_version(
                model, program_hash, SOME_CID, word(1), word(1), SOME_CID, 0, 0
            )
            registry.set_alias(model, PRODUCTION, 1)
            registry.set_terms(model, COIN, 10_000, 0, 600, lock_wei, 0)

    with boa.env.anchor():
        yield sell


def publish(system, n_chunks: int, deeper: int) -> bytes:
    store = system["ProgramStore"]
    chunk = store.publish_chunk(FIRST_NARROW_TREES, word(N_TREES) + bytes(32 * (2 * N_TREES + 1)))
    return store.publish_program(header_of(chunk, n_chunks, deeper))


def test_set_terms__program_no_block_can_run__is_refused(system, on_sale):
    program_hash = publish(system, 1, deeper=255)
    assert system["ProgramStore"].gas_bound(program_hash) > 25_000_000  # more than a block has
    with boa.reverts("terms: program is too dear to judge"):
        on_sale(program_hash)


def test_set_terms__bounty_below_what_judging_costs__is_refused(system, on_sale):
    program_hash = publish(system, 8, deeper=2)
    bound = system["ProgramStore"].gas_bound(program_hash)
    assert 1_000_000 < bound < 10_000_000
    least = 2 * 10**12 * (bound + 401_000)
    with boa.reverts("terms: lock does not pay a challenge"):
        on_sale(program_hash, least - 1)
    on_sale(program_hash, least)
