"""draw, mature_batch, void_unopened and withdraw: a batch counts once drawn leaves were opened."""

import ape
import pytest

from cairn.devices import build_batch
from tests.unit.device_registry.conftest import BOND_WEI, BURN, anchor_args, openings_of

NO_BATCH = 12345


def test_drawn_leaves__early__reverts(anchored, batch):
    with ape.reverts("drawn: its block is still to come"):
        anchored.drawn_leaves(batch.batch_id)


def test_drawn_leaves__due__one_in_each_quarter(drawn, batch):
    indexes = drawn.drawn_leaves(batch.batch_id)
    assert [index // 5 for index in indexes] == [0, 1, 2, 3]


def test_mature_batch__anyone_with_the_leaves__gives_the_owner_the_bond(
    drawn, batch, owner, stranger
):
    indexes = drawn.drawn_leaves(batch.batch_id)
    receipt = drawn.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=stranger)
    assert drawn.is_mature(batch.batch_id)
    assert len(list(receipt.decode_logs(drawn.BatchMatured))) == 1
    assert (drawn.credit_wei(owner), drawn.credit_wei(stranger)) == (BOND_WEI, 0)
    with ape.reverts("batch: is not open"):
        drawn.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=owner)


def test_mature_batch__kept_draw__opens_much_later(drawn, batch, owner, stranger, chain):
    indexes = drawn.drawn_leaves(batch.batch_id)
    receipt = drawn.draw(batch.batch_id, sender=stranger)
    (event,) = receipt.decode_logs(drawn.BatchDrawn)
    assert event.seed == drawn.seed_of(batch.batch_id) != bytes(32)
    chain.mine(300)
    assert drawn.drawn_leaves(batch.batch_id) == indexes
    drawn.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=owner)


def test_mature_batch__other_leaf__reverts(drawn, batch, owner):
    indexes = list(drawn.drawn_leaves(batch.batch_id))
    indexes[2] = 10 + (indexes[2] - 10 + 1) % 5
    with ape.reverts("mature: not the drawn leaf"):
        drawn.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=owner)


def test_mature_batch__too_few__reverts(drawn, batch, owner):
    indexes = drawn.drawn_leaves(batch.batch_id)
    with ape.reverts("mature: not the drawn number"):
        drawn.mature_batch(batch.batch_id, openings_of(batch, indexes[:3]), sender=owner)


def test_mature_batch__no_such_batch__reverts(admitted, owner):
    with ape.reverts("batch: there is none of this id"):
        admitted.mature_batch(NO_BATCH, [], sender=owner)


def test_mature_batch__after_the_window__reverts(drawn, batch, owner, pass_time):
    indexes = drawn.drawn_leaves(batch.batch_id)
    pass_time(86_400 + 1)
    with ape.reverts("batch: its time is over"):
        drawn.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=owner)


def test_draw__early__reverts(anchored, batch, stranger):
    with ape.reverts("draw: its block is still to come"):
        anchored.draw(batch.batch_id, sender=stranger)


def test_draw__twice__reverts(drawn, batch, stranger):
    drawn.draw(batch.batch_id, sender=stranger)
    with ape.reverts("draw: drawn already"):
        drawn.draw(batch.batch_id, sender=stranger)


def test_draw__with_money_in_time__reverts(drawn, batch, stranger):
    with ape.reverts("draw: nothing to pay"):
        drawn.draw(batch.batch_id, sender=stranger, value=1)


def test_draw__lapsed__costs_another_bond(anchored, batch, owner, chain):
    chain.mine(300)
    with ape.reverts("drawn: the draw has lapsed"):
        anchored.drawn_leaves(batch.batch_id)
    with ape.reverts("draw: lapsed, pay another bond"):
        anchored.draw(batch.batch_id, sender=owner)
    burnt = chain.provider.get_balance(BURN)
    receipt = anchored.draw(batch.batch_id, sender=owner, value=BOND_WEI)
    assert chain.provider.get_balance(BURN) == burnt + BOND_WEI
    assert anchored.balance == BOND_WEI
    assert anchored.batch(batch.batch_id).draw_block == receipt.block_number + 2
    chain.mine(3)
    indexes = anchored.drawn_leaves(batch.batch_id)
    anchored.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=owner)


def test_void_unopened__in_time__reverts(drawn, batch, stranger):
    with ape.reverts("void: may still be opened"):
        drawn.void_unopened(batch.batch_id, sender=stranger)


def test_void_unopened__late__burns_the_bond(drawn, batch, stranger, chain):
    chain.pending_timestamp = chain.blocks.head.timestamp + 86_401
    burnt = chain.provider.get_balance(BURN)
    receipt = drawn.void_unopened(batch.batch_id, sender=stranger)
    (event,) = receipt.decode_logs(drawn.BatchVoided)
    assert (event.bounty_wei, event.burnt_wei) == (0, BOND_WEI)
    assert chain.provider.get_balance(BURN) == burnt + BOND_WEI
    assert (drawn.balance, drawn.credit_wei(stranger)) == (0, 0)
    assert drawn.batch(batch.batch_id).state == 4
    with ape.reverts("void: not an open batch"):
        drawn.void_unopened(batch.batch_id, sender=stranger)


def test_void_unopened__mature__reverts(mature, batch, stranger, chain):
    chain.pending_timestamp = chain.blocks.head.timestamp + 86_401
    with ape.reverts("void: not an open batch"):
        mature.void_unopened(batch.batch_id, sender=stranger)


def test_withdraw__nothing_due__reverts(mature, stranger):
    with ape.reverts("withdraw: nothing to withdraw"):
        mature.withdraw(sender=stranger)


def test_withdraw__contract_with_nothing_due__reverts(mature, owner, caller):
    with ape.reverts("withdraw: nothing to withdraw"):
        caller.forward(mature, mature.withdraw.encode_input(), sender=owner)


def test_withdraw__owner__gets_the_bond_once(mature, owner):
    before = owner.balance
    receipt = mature.withdraw(sender=owner)
    assert owner.balance == before + BOND_WEI - receipt.total_fees_paid
    assert mature.balance == 0
    with ape.reverts("withdraw: nothing to withdraw"):
        mature.withdraw(sender=owner)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_mature_batch__few_readings__all_are_opened(
    admitted, alliance, owner, sensor, packets, chain, count
):
    small = build_batch(packets[:count], sensor.device, 300)
    admitted.anchor_batch(*anchor_args(alliance, small), sender=owner, value=BOND_WEI)
    chain.mine(3)
    indexes = list(admitted.drawn_leaves(small.batch_id))
    assert len(set(indexes)) == min(count, 4)
    if count <= 4:
        assert indexes == list(range(count))
    admitted.mature_batch(small.batch_id, openings_of(small, indexes), sender=owner)
    assert admitted.is_mature(small.batch_id)
