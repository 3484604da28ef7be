import ape

from tests.conftest import DAY_S
from tests.unit.training_rounds.conftest import LOCK_WEI


def test_aggregate__serving_operator__stands_with_stake_behind_it(
    rounds, aggregated, ledger, serving
):
    assert rounds.phase(aggregated) == 2
    aggregate = rounds.aggregate_of(aggregated)
    assert aggregate.operator == serving
    assert aggregate.program_hash == bytes([6]) * 32
    assert aggregate.total_weight == 550
    assert ledger.locked_wei(serving) == LOCK_WEI


def test_aggregate__stranger__reverts(
    rounds, submit, founders, posted, pass_time, refused_to_outsiders
):
    submit(founders[0])
    pass_time(DAY_S + 1)
    refused_to_outsiders(rounds.aggregate, *posted, reason="aggregate: caller does not serve it")


def test_aggregate__while_members_submit__reverts(rounds, submit, founders, serving, posted):
    submit(founders[0])
    with ape.reverts("aggregate: submission is open"):
        rounds.aggregate(*posted, sender=serving)


def test_aggregate__too_late__reverts(rounds, submit, founders, serving, posted, pass_time):
    submit(founders[0])
    pass_time(2 * DAY_S + 1)
    with ape.reverts("aggregate: too late"):
        rounds.aggregate(*posted, sender=serving)


def test_aggregate__no_updates__reverts(rounds, serving, posted, pass_time):
    pass_time(DAY_S + 1)
    with ape.reverts("aggregate: no updates"):
        rounds.aggregate(*posted, sender=serving)


def test_aggregate__twice__reverts(rounds, aggregated, serving, posted):
    with ape.reverts("aggregate: round is not open"):
        rounds.aggregate(*posted, sender=serving)


def test_aggregate__incomplete__reverts(rounds, submit, founders, serving, posted, pass_time):
    submit(founders[0])
    pass_time(DAY_S + 1)
    for index, empty, reason in [
        (1, bytes(32), "aggregate: no root"),
        (2, b"", "aggregate: no cid"),
        (3, bytes(32), "aggregate: no program hash"),
        (4, b"", "aggregate: no program cid"),
        (5, b"", "aggregate: no card cid"),
    ]:
        with ape.reverts(reason):
            rounds.aggregate(*posted[:index], empty, *posted[index + 1 :], sender=serving)
