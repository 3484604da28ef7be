import ape
from eth_utils import keccak

from tests.conftest import DAY_S
from tests.unit.training_rounds.conftest import LOCK_WEI, POOL, WINDOW_S


def test_finalize__after_the_window__registers_the_version(
    rounds, aggregated, model_id, registry, ledger, serving, stranger, pass_time
):
    pass_time(WINDOW_S + 1)
    rounds.finalize(aggregated, sender=stranger)
    assert rounds.phase(aggregated) == 4
    version = registry.version(model_id, 1)
    assert version.program_hash == bytes([6]) * 32
    assert version.parameters_root == bytes([5]) * 32
    assert version.round_id == aggregated
    assert version.data_root == keccak(
        b"".join(rounds.update(aggregated, i).data_root for i in range(3))
    )
    assert ledger.free_wei(serving) == LOCK_WEI
    with ape.reverts("finalize: no aggregate stands"):
        rounds.finalize(aggregated, sender=stranger)


def test_finalize__in_the_window__reverts(rounds, aggregated, serving, pass_time):
    pass_time(WINDOW_S - 10)
    with ape.reverts("finalize: window is open"):
        rounds.finalize(aggregated, sender=serving)


def test_finalize__nothing_aggregated__reverts(rounds, round_id, stranger):
    with ape.reverts("finalize: no aggregate stands"):
        rounds.finalize(round_id, sender=stranger)


def test_mint_shares__finalized__by_capped_weight_and_once(
    rounds, aggregated, alliance, founders, batches_of, stranger, pass_time
):
    pass_time(WINDOW_S + 1)
    rounds.finalize(aggregated, sender=stranger)
    with ape.reverts("mint_shares: other batches"):
        rounds.mint_shares(aggregated, 0, batches_of[founders[1]], sender=stranger)
    before = [alliance.share_token.balanceOf(member) for member in founders]
    for index, member in enumerate(founders):
        rounds.mint_shares(aggregated, index, batches_of[member], sender=stranger)
    minted = [
        alliance.share_token.balanceOf(member) - was
        for member, was in zip(founders, before, strict=True)
    ]
    assert minted == [POOL * weight // 550 for weight in (100, 200, 250)]
    with ape.reverts("mint_shares: already minted"):
        rounds.mint_shares(aggregated, 0, batches_of[founders[0]], sender=stranger)
    with ape.reverts("mint_shares: unknown index"):
        rounds.mint_shares(aggregated, 3, [], sender=stranger)


def test_mint_shares__not_finalized__reverts(rounds, aggregated, stranger):
    with ape.reverts("mint_shares: round not finalized"):
        rounds.mint_shares(aggregated, 0, [], sender=stranger)


def test_cancel__aggregate_stands__by_the_alliance_until_it_is_final(
    rounds, aggregated, ledger, serving, timelock, refused_to_outsiders, stranger, pass_time
):
    refused_to_outsiders(rounds.cancel, aggregated, reason="cancel: an aggregate stands")
    pass_time(WINDOW_S + 1)
    rounds.cancel(aggregated, sender=timelock)
    assert rounds.phase(aggregated) == 8
    assert ledger.free_wei(serving) == LOCK_WEI
    with ape.reverts("finalize: no aggregate stands"):
        rounds.finalize(aggregated, sender=stranger)
    with ape.reverts("cancel: round is not open"):
        rounds.cancel(aggregated, sender=timelock)


def test_cancel__finalized__reverts(rounds, aggregated, timelock, stranger, pass_time):
    pass_time(WINDOW_S + 1)
    rounds.finalize(aggregated, sender=stranger)
    with ape.reverts("cancel: round is not open"):
        rounds.cancel(aggregated, sender=timelock)


def test_cancel__no_update_came__at_once(rounds, round_id, stranger, pass_time):
    with ape.reverts("cancel: still in time"):
        rounds.cancel(round_id, sender=stranger)
    pass_time(DAY_S + 1)
    rounds.cancel(round_id, sender=stranger)
    assert rounds.phase(round_id) == 8
    with ape.reverts("cancel: round is not open"):
        rounds.cancel(round_id, sender=stranger)


def test_cancel__nobody_aggregated__after_the_deadline(
    rounds, round_id, submit, founders, stranger, pass_time
):
    submit(founders[0])
    pass_time(DAY_S + 1)
    with ape.reverts("cancel: still in time"):
        rounds.cancel(round_id, sender=stranger)
    pass_time(DAY_S + 1)
    rounds.cancel(round_id, sender=stranger)
