import ape
import pytest

from cairn.domain.losses import LossKind
from cairn.domain.rows import evaluate
from tests.conftest import PRODUCTION, SOME_CID
from tests.unit.evaluations.conftest import (
    LOCK_WEI,
    N_ROWS,
    WINDOW_S,
    arguments,
    some_rows,
    with_loss,
)


@pytest.fixture
def evaluations(system):
    return system.evaluations


@pytest.fixture
def rows():
    return some_rows()


@pytest.fixture
def losses(published_program, rows):
    return evaluate(published_program, rows, LossKind.SQUARED)


@pytest.fixture
def rule(losses):
    """What the evaluations of this file just meet, by field."""
    return {
        "is_required": True,
        "validation_root": bytes(32),
        "loss_kind": int(LossKind.SQUARED),
        "max_mean_loss": -(-losses.total // N_ROWS),
        "window_s": WINDOW_S,
        "lock_wei": LOCK_WEI,
    }


@pytest.fixture
def set_rule(registry, model_id, timelock, rule):
    def set_(**changes):
        registry.set_evaluation_rule(model_id, tuple((rule | changes).values()), sender=timelock)
        return registry.evaluation_rule(model_id)[0]

    return set_


@pytest.fixture
def accept(registry, model_id, timelock, rows):
    def accept_(accepted=True):
        registry.accept_validation_set(model_id, rows.root, SOME_CID, accepted, sender=timelock)

    return accept_


@pytest.fixture
def evaluated(evaluations, system, model_id, register, rows, losses, operator, pass_time):
    """A version, and the id of an evaluation of it that outlived its window."""
    system.stake_ledger.deposit(value=20 * LOCK_WEI, sender=operator)

    def evaluate_(posted=losses, age_s=WINDOW_S + 1, **changes):
        version = register()
        arg = arguments((model_id, version), rows, posted, **changes)
        evaluations.post(*arg, sender=operator)
        pass_time(age_s)
        return version, evaluations.n_evaluations()

    return evaluate_


def promote(registry, model_id, version, timelock):
    return registry.set_alias(model_id, PRODUCTION, version, sender=timelock)


def test_set_evaluation_rule__stranger__reverts(registry, model_id, rule, refused_to_outsiders):
    refused_to_outsiders(
        registry.set_evaluation_rule,
        model_id,
        tuple(rule.values()),
        reason="registry: caller is not alliance",
    )


def test_accept_validation_set__stranger__reverts(registry, model_id, rows, refused_to_outsiders):
    refused_to_outsiders(
        registry.accept_validation_set,
        model_id,
        rows.root,
        SOME_CID,
        True,
        reason="registry: caller is not alliance",
    )


def test_set_evaluation_rule__in_bounds__counts_and_is_kept(registry, model_id, rule, set_rule):
    assert registry.evaluation_rule(model_id)[0] == 0
    assert set_rule() == 1
    assert set_rule(max_mean_loss=2**64, window_s=7 * 86_400, lock_wei=2**96 - 1) == 2
    _, kept = registry.evaluation_rule(model_id)
    assert (kept.is_required, kept.loss_kind) == (True, LossKind.SQUARED)
    assert (kept.max_mean_loss, kept.window_s, kept.lock_wei) == (2**64, 7 * 86_400, 2**96 - 1)


def test_set_evaluation_rule__out_of_bounds__reverts(set_rule):
    for changes, reason in [
        ({"loss_kind": 0}, "set_rule: unknown kind of loss"),
        ({"loss_kind": 4}, "set_rule: unknown kind of loss"),
        ({"max_mean_loss": 2**64 + 1}, "set_rule: threshold too large"),
        ({"window_s": 7 * 86_400 + 1}, "set_rule: window too long"),
        ({"lock_wei": 2**96}, "set_rule: lock too large"),
    ]:
        with ape.reverts(reason):
            set_rule(**changes)


def test_accept_validation_set__zero__reverts(registry, model_id, timelock):
    with ape.reverts("accept_set: root is zero"):
        registry.accept_validation_set(model_id, bytes(32), b"", True, sender=timelock)


def test_set_alias__no_rule__says_that_the_vote_alone_did_it(
    registry, model_id, register, timelock
):
    assert registry.may_promote(model_id, register())
    receipt = promote(registry, model_id, 1, timelock)
    [event] = receipt.decode_logs(registry.VersionPromoted)
    assert (event.version, event.evaluation_id, event.rule_id) == (1, 0, 0)


def test_set_alias__rule_not_required__lets_in_and_says_so(
    registry, model_id, register, timelock, set_rule
):
    set_rule(is_required=False)
    receipt = promote(registry, model_id, register(), timelock)
    [event] = receipt.decode_logs(registry.VersionPromoted)
    assert event.evaluation_id == 0


def test_set_alias__never_evaluated__reverts_but_for_other_aliases(
    registry, model_id, register, timelock, set_rule
):
    set_rule()
    version = register()
    assert not registry.may_promote(model_id, version)
    with ape.reverts("set_alias: no evaluation lets it in"):
        promote(registry, model_id, version, timelock)
    registry.set_alias(model_id, b"candidate".ljust(32, b"\0"), version, sender=timelock)


def test_qualify__meets_the_rule__lets_its_version_in(
    registry, model_id, timelock, set_rule, accept, evaluated, stranger, register
):
    rule_id = set_rule()
    accept()
    version, evaluation_id = evaluated()
    receipt = registry.qualify(evaluation_id, sender=stranger)
    [event] = receipt.decode_logs(registry.VersionQualified)
    assert (event.version, event.evaluation_id, event.rule_id) == (version, evaluation_id, rule_id)
    standing = registry.standing(model_id, version)
    assert (standing.rule_id, standing.evaluation_id) == (rule_id, evaluation_id)
    assert not standing.was_production and not standing.is_deprecated
    assert registry.may_promote(model_id, version)
    receipt = promote(registry, model_id, version, timelock)
    [event] = receipt.decode_logs(registry.VersionPromoted)
    assert (event.version, event.evaluation_id, event.rule_id) == (version, evaluation_id, rule_id)
    assert registry.standing(model_id, version).was_production
    # The same program, but another version: nobody evaluated that.
    with ape.reverts("set_alias: no evaluation lets it in"):
        promote(registry, model_id, register(), timelock)


def test_qualify__on_the_rules_own_set__needs_no_acceptance(
    registry, model_id, set_rule, rows, evaluated, stranger
):
    set_rule(validation_root=rows.root)
    version, evaluation_id = evaluated()
    registry.qualify(evaluation_id, sender=stranger)
    assert registry.may_promote(model_id, version)


def test_qualify__does_not_meet_the_rule__reverts(
    registry, set_rule, accept, losses, rows, evaluated, stranger, model_id
):
    _, evaluation_id = evaluated()
    with ape.reverts("qualify: model has no rule"):
        registry.qualify(evaluation_id, sender=stranger)
    set_rule()
    with ape.reverts("qualify: set is not the alliance's"):
        registry.qualify(evaluation_id, sender=stranger)
    accept()
    for changes, reason in [
        ({"max_mean_loss": (losses.total - 1) // N_ROWS}, "qualify: loss above the threshold"),
        ({"loss_kind": 2}, "qualify: another kind of loss"),
        ({"validation_root": bytes([7]) * 32}, "qualify: another validation set"),
        ({"window_s": WINDOW_S + 1}, "qualify: window too short"),
        ({"lock_wei": LOCK_WEI + 1}, "qualify: lock too small"),
    ]:
        set_rule(**changes)
        with ape.reverts(reason):
            registry.qualify(evaluation_id, sender=stranger)
    set_rule()
    accept(False)
    assert not registry.is_accepted_set(model_id, rows.root)
    with ape.reverts("qualify: set is not the alliance's"):
        registry.qualify(evaluation_id, sender=stranger)
    accept()
    registry.qualify(evaluation_id, sender=stranger)


def test_qualify__window_still_open__reverts(
    registry, set_rule, accept, evaluated, stranger, pass_time
):
    set_rule()
    accept()
    _, evaluation_id = evaluated(age_s=WINDOW_S - 5)
    with ape.reverts("qualify: evaluation does not stand"):
        registry.qualify(evaluation_id, sender=stranger)
    pass_time(10)
    registry.qualify(evaluation_id, sender=stranger)


def test_qualify__void_evaluation__reverts(
    registry, evaluations, set_rule, accept, evaluated, losses, rows, stranger, pass_time
):
    set_rule()
    accept()
    lie = with_loss(losses, 3, 0)
    _, evaluation_id = evaluated(posted=lie, age_s=1)
    row, posted = rows.proof(3).as_argument(), lie.proof(3).as_argument()
    evaluations.challenge_row(evaluation_id, row, posted, sender=stranger)
    pass_time(WINDOW_S + 1)
    with ape.reverts("qualify: evaluation does not stand"):
        registry.qualify(evaluation_id, sender=stranger)


def test_set_alias__back_to_a_version_that_passed__is_not_barred(
    registry, model_id, timelock, set_rule, accept, evaluated, stranger
):
    set_rule()
    accept()
    first, evaluation_id = evaluated()
    registry.qualify(evaluation_id, sender=stranger)
    promote(registry, model_id, first, timelock)
    second, evaluation_id = evaluated()
    registry.qualify(evaluation_id, sender=stranger)
    third, evaluation_id = evaluated()
    registry.qualify(evaluation_id, sender=stranger)
    promote(registry, model_id, second, timelock)

    set_rule(max_mean_loss=1)  # which no version meets
    receipt = promote(registry, model_id, first, timelock)
    [event] = receipt.decode_logs(registry.VersionPromoted)
    assert (event.rule_id, event.evaluation_id) == (1, evaluation_id - 2)
    # It passed the old rule, but never stood in production: the new one is asked.
    with ape.reverts("set_alias: no evaluation lets it in"):
        promote(registry, model_id, third, timelock)


def test_set_alias__back_to_a_version_that_never_passed__reverts(
    registry, model_id, timelock, register, set_rule
):
    version = register()
    promote(registry, model_id, version, timelock)
    set_rule()
    with ape.reverts("set_alias: no evaluation lets it in"):
        promote(registry, model_id, version, timelock)


def test_set_alias__served_before_it_passed_a_lax_rule__is_not_a_rollback(
    registry, model_id, timelock, set_rule, accept, evaluated, stranger
):
    version, evaluation_id = evaluated()
    promote(registry, model_id, version, timelock)  # by vote alone: it has passed nothing
    assert not registry.standing(model_id, version).was_production
    set_rule(max_mean_loss=2**64, is_required=False)
    accept()
    registry.qualify(evaluation_id, sender=stranger)
    set_rule(max_mean_loss=1)  # which no version meets
    assert not registry.may_promote(model_id, version)
    with ape.reverts("set_alias: no evaluation lets it in"):
        promote(registry, model_id, version, timelock)


def test_accept_validation_set__taken_back__asks_who_passed_on_it_again(
    registry, model_id, timelock, set_rule, accept, evaluated, stranger
):
    set_rule()
    accept()
    version, evaluation_id = evaluated()
    registry.qualify(evaluation_id, sender=stranger)
    before = registry.evaluation_rule(model_id)[1]
    accept(False)
    rule_id, rule = registry.evaluation_rule(model_id)
    assert (rule_id, rule) == (2, before)
    with ape.reverts("set_alias: no evaluation lets it in"):
        promote(registry, model_id, version, timelock)
    accept(False)  # of what is not accepted: nothing changes
    accept()
    assert registry.evaluation_rule(model_id)[0] == 2
    assert not registry.may_promote(model_id, version)
    registry.qualify(evaluation_id, sender=stranger)
    assert registry.may_promote(model_id, version)


def test_accept_validation_set__taken_back__leaves_a_rule_that_names_its_set(
    registry, model_id, set_rule, accept, rows
):
    accept()
    accept(False)
    assert registry.evaluation_rule(model_id)[0] == 0  # there is no rule to begin anew
    set_rule(validation_root=rows.root)
    accept()
    accept(False)
    assert registry.evaluation_rule(model_id)[0] == 1
