import ape

MODEL_ID = 7


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
