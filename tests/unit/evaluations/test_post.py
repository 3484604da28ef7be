import ape
import pytest

from cairn.domain.losses import LossKind
from cairn.domain.programs import gas_bound
from cairn.domain.rows import evaluate, set_root
from tests.conftest import SOME_CID
from tests.unit.evaluations.conftest import LOCK_WEI, N_ROWS, OPEN, WINDOW_S, arguments


def test_post__by_who_has_no_stake__reverts(
    evaluations, version, rows, losses, refused_to_outsiders
):
    refused_to_outsiders(
        evaluations.post,
        *arguments(version, rows, losses),
        reason="lock: too little free stake",
    )


def test_post__complete__is_kept_and_locks(
    evaluations, version, rows, losses, right, ledger, staked, chain
):
    posted = evaluations.evaluation(right)
    now = chain.blocks.head.timestamp
    assert (posted.model_id, posted.version) == version
    assert bytes(posted.validation_root) == rows.root == set_root(N_ROWS, rows.top)
    assert posted.n_rows == N_ROWS
    assert (posted.loss_kind, posted.total_loss) == (LossKind.SQUARED, losses.total)
    assert bytes(posted.losses_top) == losses.top
    assert (posted.operator, posted.lock_wei) == (staked, LOCK_WEI)
    assert (posted.posted_at, posted.window_s, posted.closes_at) == (now, WINDOW_S, now + WINDOW_S)
    assert (posted.n_open_demands, posted.state) == (0, OPEN)
    assert ledger.locked_wei(staked) == LOCK_WEI
    assert not evaluations.stands(right)


def test_post__largest_numbers__are_kept(evaluations, post_losses, losses):
    changes = {"total_loss": 2**128 - 1, "window_s": 7 * 86_400, "n_rows": 2**20}
    posted = evaluations.evaluation(post_losses(losses, **changes))
    assert {name: posted[name] for name in changes} == changes
    assert posted.closes_at == posted.posted_at + 7 * 86_400


def test_post__out_of_bounds__reverts(evaluations, version, rows, losses, staked):
    for changes, reason in [
        ({"model_id": 0}, "post: unknown version"),
        ({"version": 2}, "post: unknown version"),
        ({"n_rows": 0}, "post: number of rows out of bounds"),
        ({"n_rows": 2**20 + 1}, "post: number of rows out of bounds"),
        ({"validation_top": bytes(32)}, "post: no validation set"),
        ({"losses_top": bytes(32)}, "post: no losses"),
        ({"loss_kind": 0}, "post: unknown kind of loss"),
        ({"loss_kind": 4}, "post: unknown kind of loss"),
        ({"total_loss": 2**128}, "post: total too large"),
        ({"window_s": 599}, "post: window too short"),
        ({"window_s": 7 * 86_400 + 1}, "post: window too long"),
        ({"lock_wei": 10**18}, "post: lock does not pay a challenge"),
        ({"lock_wei": 2**96}, "post: lock too large"),
    ]:
        with ape.reverts(reason):
            evaluations.post(*arguments(version, rows, losses, **changes), sender=staked)


def test_post__cross_entropy__locks_what_its_outputs_add_to_a_challenge(
    evaluations, version, rows, losses, staked, published_program
):
    least = 2 * 10**12 * (gas_bound(published_program) + 500_000 + 1_000 * 4)
    evaluations.post(*arguments(version, rows, losses, lock_wei=least), sender=staked)
    changes = {"loss_kind": int(LossKind.CROSS_ENTROPY), "lock_wei": least + 2 * 10**12 * 3_500}
    short = arguments(version, rows, losses, **changes | {"lock_wei": changes["lock_wei"] - 1})
    with ape.reverts("post: lock does not pay a challenge"):
        evaluations.post(*short, sender=staked)
    evaluations.post(*arguments(version, rows, losses, **changes), sender=staked)


def test_post__program_not_published__reverts(
    evaluations, registry, version, rows, losses, staked, timelock
):
    args = (bytes([9]) * 32, SOME_CID, bytes(32), bytes(32), SOME_CID, 0, 0)
    registry.register_version(version[0], *args, sender=timelock)
    with ape.reverts("post: program not published"):
        evaluations.post(*arguments((version[0], 2), rows, losses), sender=staked)


def test_post__more_than_the_stake__reverts(evaluations, version, rows, losses, right, staked):
    with ape.reverts("lock: too little free stake"):
        evaluations.post(*arguments(version, rows, losses, lock_wei=LOCK_WEI + 1), sender=staked)


@pytest.mark.parametrize("kind", LossKind)
def test_row_loss__of_the_published_program__is_pythons(
    evaluations, published_program, rows, system, kind
):
    losses = evaluate(published_program, rows, kind)
    meta = published_program.header[0]
    for row, expected in zip(rows.rows[:3], losses.of_rows, strict=False):
        features = rows.proof(rows.rows.index(row)).features
        outputs = system.evaluator.evaluate(published_program.hash, features)
        assert evaluations.row_loss(int(kind), meta, outputs, row.target) == expected


def test_evaluation__unknown__reverts(evaluations, right):
    for unknown in (0, right + 1):
        with ape.reverts("evaluations: there is none"):
            evaluations.evaluation(unknown)
