"""What proving a row wrong costs, of a program and a set of ordinary size."""

from cairn.domain.losses import LossKind
from cairn.domain.programs import FeatureRule, linear_program
from cairn.domain.rows import ValidationSet, evaluate
from tests.conftest import SOME_CID
from tests.unit.evaluations.conftest import LOCK_WEI, WINDOW_S, with_loss

N_FEATURES, N_ROWS = 30, 200
BAR = 250_000


def test_challenge_row__30_features_200_rows__costs_at_most_250000(
    evaluations, registry, system, version, staked, timelock, challenger, deployer
):
    rules = [FeatureRule(-10_000, 10_000, 0, 5, 1_000 + 7 * i) for i in range(N_FEATURES)]
    program = linear_program(rules, bias=10**6, shift=10)
    for name, arguments in program.publish_calls():
        getattr(system.program_store, name)(*arguments, sender=deployer)
    args = (program.hash, SOME_CID, bytes(32), bytes(32), SOME_CID, 0, 0)
    registry.register_version(version[0], *args, sender=timelock)
    rows = ValidationSet.of(
        [[(7 * i + 13 * j) % 997 for j in range(N_FEATURES)] for i in range(N_ROWS)],
        range(N_ROWS),
    )
    right = evaluate(program, rows, LossKind.SQUARED)
    lie = with_loss(right, 199, right.of_rows[199] + 1)
    evaluations.post(
        version[0], 2, N_ROWS, rows.top, 1, lie.total, lie.top, WINDOW_S, LOCK_WEI, b"", SOME_CID,
        sender=staked,
    )  # fmt: skip
    proof = (rows.proof(199).as_argument(), lie.proof(199).as_argument())
    receipt = evaluations.challenge_row(evaluations.n_evaluations(), *proof, sender=challenger)
    print("challenge_row_total_gas", receipt.gas_used)
    assert receipt.gas_used <= BAR
