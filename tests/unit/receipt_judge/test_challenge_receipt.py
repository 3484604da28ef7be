from dataclasses import replace

import ape
import pytest
from coincurve import PrivateKey
from eth_account.messages import encode_typed_data

from cairn.domain.receipts import SigningDomain
from tests.unit.receipt_judge.conftest import RESERVE_WEI

DAY_S = 86_400
FIELDS = (
    "uint256 modelId,uint256 version,bytes32 programHash,bytes32 root,uint256 issuedAt,"
    "uint256 termsId,address operator"
)


def test_challenge_receipt__wrong_prediction__costs_the_whole_reserve(
    judge, serve, wrong, outputs, reserve, ledger, challenger
):
    receipt = judge.challenge_receipt(*serve(wrong).args, sender=challenger)
    [event] = receipt.decode_logs(judge.ReceiptChallenged)
    assert (event.operator, event.challenger) == (reserve, challenger)
    assert bytes(event.outputs) == outputs
    assert ledger.reserve_wei(reserve) == 0
    assert ledger.bounty_wei(challenger) == RESERVE_WEI // 2
    assert ledger.unburnt_wei(challenger) == RESERVE_WEI - RESERVE_WEI // 2


@pytest.mark.parametrize("others", [1, 4, 9])
def test_challenge_receipt__one_of_a_batch__is_judged_by_itself(
    judge, serve, wrong, outputs, reserve, ledger, challenger, others
):
    with ape.reverts("receipt: the prediction is right"):
        judge.challenge_receipt(*serve(outputs, [outputs] * others).args, sender=challenger)
    judge.challenge_receipt(*serve(wrong, [outputs] * others).args, sender=challenger)
    assert ledger.reserve_wei(reserve) == 0


def test_challenge_receipt__right_prediction__reverts(judge, serve, outputs, reserve, challenger):
    with ape.reverts("receipt: the prediction is right"):
        judge.challenge_receipt(*serve(outputs).args, sender=challenger)


def test_challenge_receipt__says_invalid_where_outputs_exist__is_slashed(
    judge, serve, reserve, ledger, challenger
):
    judge.challenge_receipt(*serve(b"").args, sender=challenger)
    assert ledger.reserve_wei(reserve) == 0


def test_challenge_receipt__what_is_on_its_way_out__is_lost_too(
    judge, serve, wrong, reserve, ledger, challenger, pass_time
):
    served = serve(wrong)
    ledger.begin_unbonding_reserve(RESERVE_WEI - 1, sender=reserve)
    pass_time(judge.receipt_life_s() - 100)
    judge.challenge_receipt(*served.args, sender=challenger)
    assert ledger.reserve_unbonding_wei(reserve) == 0
    assert ledger.bounty_wei(challenger) == RESERVE_WEI // 2
    pass_time(ledger.unbonding_s())
    with ape.reverts("reserve: nothing unbonding"):
        ledger.withdraw_reserve(sender=reserve)


def test_challenge_receipt__shown_otherwise__reverts(
    judge, serve, wrong, outputs, reserve, challenger, features
):
    served = serve(wrong)
    for shown in (
        replace(served, outputs=outputs),
        replace(served, salt=bytes(32)),
        replace(served, features=features[:-1] + b"\1"),
        replace(served, proof=(bytes(32),)),
    ):
        with ape.reverts("receipt: not of this prediction"):
            judge.challenge_receipt(*shown.args, sender=challenger)


def test_challenge_receipt__signature_of_another__reverts(
    judge, serve, wrong, reserve, domain, challenger
):
    served = serve(wrong)
    other = served.receipt.sign(PrivateKey(b"\7" * 32), domain)
    with ape.reverts("receipt: operator did not sign it"):
        judge.challenge_receipt(*replace(served, signature=other).args, sender=challenger)
    with ape.reverts("receipt: signature has other length"):
        judge.challenge_receipt(
            *replace(served, signature=served.signature[:64]).args, sender=challenger
        )
    with ape.reverts("receipt: signature malformed"):
        judge.challenge_receipt(*replace(served, signature=bytes(65)).args, sender=challenger)


def test_challenge_receipt__of_terms_that_never_were__reverts(
    judge, serve, wrong, reserve, challenger, system
):
    with ape.reverts("terms: unknown terms"):
        served = serve(wrong, terms_id=system.model_registry.n_terms() + 1)
        judge.challenge_receipt(*served.args, sender=challenger)
    for changes in ({"version": 2}, {"program_hash": bytes(32)}, {"model_id": 2**40}):
        with ape.reverts("receipt: no such terms"):
            judge.challenge_receipt(*serve(wrong, **changes).args, sender=challenger)


def test_challenge_receipt__at_the_last_second__counts(
    judge, serve, wrong, reserve, ledger, challenger, chain
):
    served = serve(wrong)
    chain.pending_timestamp = served.receipt.issued_at + judge.receipt_life_s()
    judge.challenge_receipt(*served.args, sender=challenger)
    assert ledger.reserve_wei(reserve) == 0


def test_challenge_receipt__no_reserve__reverts(judge, serve, wrong, ledger, challenger):
    with ape.reverts("slash: no reserve"):
        judge.challenge_receipt(*serve(wrong).args, sender=challenger)


def test_receipt_digest__is_what_wallets_and_python_sign(
    judge, serve, outputs, domain, chain, operator
):
    served = serve(outputs)
    r = served.receipt
    message = {
        "modelId": r.model_id, "version": r.version, "programHash": r.program_hash,
        "root": r.root, "issuedAt": r.issued_at, "termsId": r.terms_id,
        "operator": operator.address,
    }  # fmt: skip
    types = [dict(zip(("type", "name"), f.split(), strict=True)) for f in FIELDS.split(",")]
    typed = encode_typed_data(
        {
            "name": "Cairn ReceiptJudge", "version": "1", "chainId": chain.chain_id,
            "verifyingContract": judge.address,
        },
        {"Receipt": types},
        message,
    )  # fmt: skip
    wallet = operator.sign_message(typed)
    assert wallet.encode_rsv() == served.signature
    assert bytes(judge.receipt_digest(served.args[0])) == r.digest(domain)
    assert r.is_signed(served.signature, domain)
    other = SigningDomain(chain.chain_id + 1, domain.judge)
    assert not r.is_signed(served.signature, other)
