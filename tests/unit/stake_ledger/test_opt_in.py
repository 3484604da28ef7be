import ape

MODEL_ID = 7
EPOCH_S = 60


def test_opt_in__operator__serves_that_model_only(ledger, staked, stranger):
    ledger.opt_in(MODEL_ID, sender=staked)
    assert ledger.is_serving(staked, MODEL_ID)
    assert not ledger.is_serving(staked, MODEL_ID + 1)
    assert not ledger.is_serving(stranger, MODEL_ID)


def test_opt_in__zero__reverts(ledger, operator):
    with ape.reverts("opt_in: model is zero"):
        ledger.opt_in(0, sender=operator)


def test_opt_out__operator__serves_no_more(ledger, staked):
    ledger.opt_in(MODEL_ID, sender=staked)
    ledger.opt_out(MODEL_ID, sender=staked)
    assert not ledger.is_serving(staked, MODEL_ID)


def test_opt_out__never_opted_in__reverts(ledger, refused_to_outsiders):
    refused_to_outsiders(ledger.opt_out, MODEL_ID, reason="opt_out: not opted in")


def test_opt_in__twice__reverts(ledger, staked):
    ledger.opt_in(MODEL_ID, sender=staked)
    with ape.reverts("opt_in: opted in already"):
        ledger.opt_in(MODEL_ID, sender=staked)


def test_opt_in__without_the_least_stake__is_refused(ledger, stranger, refused_to_outsiders):
    refused_to_outsiders(ledger.opt_in, MODEL_ID, reason="opt_in: stake below the least")
    ledger.deposit(value=10**18 - 1, sender=stranger)
    with ape.reverts("opt_in: stake below the least"):
        ledger.opt_in(MODEL_ID, sender=stranger)


def test_serving__after_some_left__has_the_others_once(ledger, accounts, pass_time, chain):
    operators = accounts[10:15]
    for one in operators:
        ledger.deposit(value=10**18, sender=one)
        ledger.opt_in(MODEL_ID, sender=one)
    for gone in (operators[1], operators[4]):  # from the middle, and the last
        ledger.opt_out(MODEL_ID, sender=gone)
    left = {operators[i].address for i in (0, 2, 3)}
    assert ledger.n_serving(MODEL_ID) == 3
    assert len(ledger.serving(MODEL_ID, 0, 100)) == 3
    assert set(ledger.serving(MODEL_ID, 0, 100)) == left
    assert ledger.serving(MODEL_ID, 2, 5) == ledger.serving(MODEL_ID, 0, 3)[2:]
    assert ledger.serving(MODEL_ID, 3, 5) == []
    pass_time(EPOCH_S)
    now = chain.blocks.head.timestamp
    assert {ledger.turn_of(MODEL_ID, seed, now) for seed in range(24)} == left
    ledger.opt_in(MODEL_ID, sender=operators[1])
    assert ledger.n_serving(MODEL_ID) == 4


def test_turn_of__nobody_serves__is_nobody(ledger):
    assert int(ledger.turn_of(MODEL_ID, 1, 1_800_000_000), 16) == 0


def test_lock_serving__stranger__reverts(ledger, staked, refused_to_outsiders):
    refused_to_outsiders(
        ledger.lock_serving, staked, MODEL_ID, 1, reason="stake: caller is no judge"
    )


def test_lock_serving__of_one_who_does_not_serve__reverts(ledger, staked, judge):
    with ape.reverts("lock: operator does not serve"):
        ledger.lock_serving(staked, MODEL_ID, 1, sender=judge)
    ledger.opt_in(MODEL_ID, sender=staked)
    ledger.lock_serving(staked, MODEL_ID, 1, sender=judge)
    assert ledger.locked_wei(staked) == 1
