import pytest

from cairn.domain.losses import LossKind
from cairn.domain.rows import Losses, ValidationSet, evaluate
from tests.conftest import SOME_CID

WINDOW_S = 3_600
LOCK_WEI = 2 * 10**18
N_ROWS = 21
OPEN, STANDS, VOID = 1, 2, 4


@pytest.fixture(scope="session")
def evaluations(system):
    return system.evaluations


@pytest.fixture(scope="session")
def registry(system):
    return system.model_registry


@pytest.fixture(scope="session")
def ledger(system):
    return system.stake_ledger


@pytest.fixture
def version(registry, alliance, timelock, published_program):
    """(model, version) of the published program."""
    registry.create_model(
        "air-quality", alliance.share_token, bytes([1]) * 32, SOME_CID, sender=timelock
    )
    model_id = registry.n_models()
    args = (published_program.hash, SOME_CID, bytes([2]) * 32, bytes([3]) * 32, SOME_CID, 0, 0)
    registry.register_version(model_id, *args, sender=timelock)
    return model_id, 1


@pytest.fixture
def staked(ledger, operator):
    """The operator, with stake for two evaluations."""
    ledger.deposit(value=2 * LOCK_WEI, sender=operator)
    return operator


def some_rows(n_rows=N_ROWS, n_features=4, seed=7):
    """Rows of small integers, each another; the same for the same numbers."""
    values = [[(seed * i + 31 * j) % 997 for j in range(n_features)] for i in range(n_rows)]
    return ValidationSet.of(values, [1_000_000 + 13 * i for i in range(n_rows)])


@pytest.fixture
def rows():
    return some_rows()


@pytest.fixture
def losses(published_program, rows):
    return evaluate(published_program, rows, LossKind.SQUARED)


def arguments(version, rows, losses, /, **changes):
    """What `post` takes, in its order."""
    values = {
        "model_id": version[0],
        "version": version[1],
        "n_rows": len(rows.rows),
        "validation_top": rows.top,
        "loss_kind": int(losses.kind),
        "total_loss": losses.total,
        "losses_top": losses.top,
        "window_s": WINDOW_S,
        "lock_wei": LOCK_WEI,
        "validation_cid": SOME_CID,
        "losses_cid": SOME_CID,
    }
    return tuple((values | changes).values())


@pytest.fixture
def post_losses(evaluations, version, rows, staked):
    """Post losses, as the operator; returns the evaluation's id."""

    def post_(posted, **changes):
        evaluations.post(*arguments(version, rows, posted, **changes), sender=staked)
        return evaluations.n_evaluations()

    return post_


def with_loss(losses, index, loss):
    """The same losses but for one row."""
    of_rows = list(losses.of_rows)
    of_rows[index] = loss
    return Losses(losses.kind, tuple(of_rows))


@pytest.fixture
def right(post_losses, losses):
    """An evaluation that is right."""
    return post_losses(losses)


@pytest.fixture
def lie(losses):
    """Losses of which row 5's is too small by one."""
    return with_loss(losses, 5, losses.of_rows[5] - 1)


@pytest.fixture
def wrong(post_losses, lie):
    """An evaluation that is wrong on row 5."""
    return post_losses(lie)


@pytest.fixture
def opening(rows):
    """A row and its posted loss, as the contract takes them."""
    return lambda posted, index: (
        rows.proof(index).as_argument(),
        posted.proof(index).as_argument(),
    )
