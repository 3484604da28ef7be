"""A cheat mixes readings that no sensor signed into a batch, is lucky in the spot check, hands in an
update on it, and is found out only when the round is over.

A batch can be voided at any time; shares are minted only for batches that still stand.
"""

import pytest

from cairn.devices import CLIMATES, SimulatedDevice
from tests.conftest import DAY_S, SOME_CID
from tests.differential._registry import forge
from tests.unit.training_rounds.conftest import (  # noqa: F401
    PERIOD_S,
    POOL,
    WINDOW_S,
    anchor,
    batches_of,
    ledger,
    model_id,
    plan,
    posted,
    registry,
    round_id,
    rounds,
    serving,
    submit,
)


@pytest.fixture
def lucky_cheat(chain, system, timelock):
    """A matured batch of four readings with a fifth leaf that no sensor signed, and that leaf."""
    devices = system.device_registry

    def mature(cheat):
        sensor = SimulatedDevice(12, 0, CLIMATES[0], PERIOD_S)
        now = chain.blocks.head.timestamp
        signature = sensor.confirm(bytes.fromhex(cheat.address[2:]), now).signature
        devices.register(
            sensor.address, 1, PERIOD_S, now, signature[:32], signature[32:], sender=cheat
        )
        devices.admit([sensor.address], sender=timelock)
        batch = forge(sensor.device, sensor.packets(now - 9 * (PERIOD_S + 10), 4))
        batch.leaves.append((4, b"garbage"))
        batch.__post_init__()
        devices.anchor_batch(
            timelock, sensor.address, batch.root, batch.count, batch.first, batch.last, SOME_CID,
            value=devices.bond_wei(), sender=cheat,
        )  # fmt: skip
        chain.mine(3)
        drawn = [batch.opening(index) for index in devices.drawn_leaves(batch.batch_id)]
        devices.mature_batch(batch.batch_id, drawn, sender=cheat)
        return batch.batch_id, (4, batch.opening(4))

    return mature


def test_mint_shares__batch_voided_since__forfeits_them(
    chain, system, rounds, round_id, lucky_cheat, submit, batches_of, alliance, founders, serving,
    posted, stranger, pass_time,
):  # fmt: skip
    cheat, honest = founders[:2]
    batch_id, garbage = lucky_cheat(cheat)
    rounds.submit(round_id, bytes([9]) * 32, SOME_CID, [batch_id], sender=cheat)
    submit(honest, 100)
    pass_time(DAY_S + 1)
    rounds.aggregate(*posted, sender=serving)
    system.device_registry.void_faulty(batch_id, *garbage, sender=stranger)
    pass_time(WINDOW_S + 1)
    rounds.finalize(round_id, sender=stranger)

    before = alliance.share_token.balanceOf(cheat)
    receipt = rounds.mint_shares(round_id, 0, [batch_id], sender=cheat)
    [forfeited] = receipt.decode_logs(rounds.SharesForfeited)
    assert (forfeited.member, forfeited.batch_id) == (cheat, batch_id)
    assert alliance.share_token.balanceOf(cheat) == before
    before = alliance.share_token.balanceOf(honest)
    rounds.mint_shares(round_id, 1, batches_of[honest], sender=stranger)
    assert alliance.share_token.balanceOf(honest) == before + POOL * 100 // 104
