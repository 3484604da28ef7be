"""What selling predictions costs in gas: to buyers, operators, issuers and challengers."""

from __future__ import annotations

from dataclasses import astuple

from ape import chain
from ape.api import AccountAPI
from coincurve import PrivateKey
from eth_account.messages import SignableMessage

from cairn.chain import Mode, Rules
from cairn.devices import AIR_QUALITY, SimulatedDevice
from cairn.domain.answers import AnswerRoot
from cairn.domain.policy import Acceptance, Credential, Limit
from cairn.domain.programs import Program
from cairn.domain.receipts import Receipt, SigningDomain, input_commitment, prediction_leaf
from scripts._bench import CID, COIN, DAY_S, LOCK_WEI, PRICE_WEI, ROOT, WINDOW_S, Bench
from scripts._gas_models import add_version
from scripts._gas_programs import features_of
from scripts._system import (
    NATIVE,
)

N_TOGETHER = 16  # requests answered in one transaction


def trade(
    bench: Bench, model_id: int, programs: dict[str, Program], device: SimulatedDevice
) -> None:
    """Every way that a sale can go, with the small program and with the larger."""
    market = bench.system.inference_market
    # The market's very first request writes a slot more than any other: leave it out.
    small = programs["4 features"]
    deadline = bench.stage.now() + WINDOW_S
    args = (model_id, features_of(small), PRICE_WEI, deadline)
    market.request(*args, value=PRICE_WEI, sender=bench.buyer)

    sell(bench, model_id, "4 features", small)
    bench.vote(bench.system.packet_features, "set_channels", model_id, AIR_QUALITY.channel_map())
    packet = device.packets(bench.stage.now() - 60, 1)[0]
    args = (model_id, packet, WINDOW_S, PRICE_WEI)
    detail = f"4 features, {len(packet)} bytes"
    bench.send(
        market, "predict_from_packet", *args, value=PRICE_WEI, detail=detail, sender=bench.buyer
    )
    pay_out(bench)
    add_version(bench, model_id, programs["30 features"])
    sell(bench, model_id, "30 features", programs["30 features"])
    answer_together(bench, model_id, programs["30 features"])
    show_receipt(bench, model_id, programs["30 features"])
    pay_out(bench)
    bench.vote(bench.system.model_registry, "end_sale", model_id)


def pay_out(bench: Bench) -> None:
    """Pay everybody whom the market owes."""
    for payee in (
        bench.alliance.share_token.address,
        bench.alliance.timelock.address,
        bench.operator.address,
        bench.buyer.address,
    ):
        args = (payee, NATIVE)
        bench.send(bench.system.inference_market, "pay", *args, sender=bench.operator)


def sell(bench: Bench, model_id: int, detail: str, program: Program) -> None:
    market, stage = bench.system.inference_market, bench.stage
    buyer, operator = bench.buyer, bench.operator
    features = features_of(program)
    outputs = program.run_packed(features)
    bench.send(
        market,
        "predict",
        model_id,
        features,
        PRICE_WEI,
        value=PRICE_WEI,
        detail=detail,
        sender=buyer,
    )

    def ask() -> int:
        deadline = stage.now() + WINDOW_S
        bench.send(
            market,
            "request",
            model_id,
            features,
            PRICE_WEI,
            deadline,
            value=PRICE_WEI,
            detail=detail,
            sender=buyer,
        )
        return int(market.n_requests())

    right, wrong, refused = ask(), ask(), ask()
    bench.send(market, "answer", right, outputs, sender=operator)
    bench.send(market, "answer", wrong, outputs[:-1] + bytes([outputs[-1] ^ 1]), sender=operator)
    bench.send(market, "challenge", wrong, features, detail=detail, sender=bench.members[2])
    stage.advance(WINDOW_S + 1, "the windows are over")
    bench.send(market, "settle", [right], detail="1 request", sender=buyer)
    bench.send(market, "refund", refused, sender=buyer)


def admit(bench: Bench, device: SimulatedDevice) -> None:
    """Policies, and what callers and issuers do once for theirs."""
    access, lock = bench.system.access_policy, bench.alliance.timelock
    issuer, buyer, relayer = bench.members[0], bench.buyer, bench.operator
    limit = Limit(capacity=100, refill=100, period_s=DAY_S)
    everything = Rules(
        Mode.BEARERS,
        authority=issuer.address,
        per_caller=limit,
        in_all=limit,
        terms_hash=ROOT,
        terms_cid=CID,
    )
    bench.vote(access, "create_policy", astuple(everything), detail="with all of it, by vote")
    bench.vote(access, "create_policy", astuple(Rules(Mode.LISTED)), detail="a list, by vote")
    bench.vote(access, "set_listed", access.n_policies(), [buyer.address], True)
    bench.send(access, "name_device", lock, device.address, sender=bench.members[0])
    bench.send(access, "accept_terms", lock, ROOT, sender=buyer)

    def signed(signer: AccountAPI, message: SignableMessage) -> bytes:
        signature = signer.sign_message(message)
        if signature is None:
            raise bench.stage.failure(f"{signer.address} did not sign")
        # Ape leaves out the zeros that one in 128 signatures begins a half with.
        r, s = (bytes(half).rjust(32, b"\0") for half in (signature.r, signature.s))
        return r + s + bytes([signature.v])

    acceptance = Acceptance(lock.address, ROOT, relayer.address)
    signature = signed(relayer, acceptance.message(chain.chain_id, access.address))
    args = (*astuple(acceptance), signature)
    bench.send(access, "accept_terms_by_signature", *args, sender=buyer)
    credential = Credential(issuer.address, lock.address, buyer.address, 1, 2**40)
    signature = signed(issuer, credential.message(chain.chain_id, access.address))
    bench.send(access, "present", *astuple(credential), signature, sender=buyer)
    bench.send(access, "revoke", lock, buyer, 1, sender=issuer)


def answer_together(bench: Bench, model_id: int, program: Program) -> None:
    """A batch, and a root of which one leaf is wrong."""
    market, stage, operator = bench.system.inference_market, bench.stage, bench.operator
    features = features_of(program)
    outputs = program.run_packed(features)
    bench.system.stake_ledger.deposit(value=2 * N_TOGETHER * LOCK_WEI, sender=operator)

    def ask() -> list[int]:
        first = market.n_requests() + 1
        for _ in range(N_TOGETHER):
            args = (model_id, features, PRICE_WEI, stage.now() + WINDOW_S)
            market.request(*args, value=PRICE_WEI, sender=bench.buyer)
        return list(range(first, first + N_TOGETHER))

    detail = f"{N_TOGETHER} requests"
    batch = (ask(), [outputs] * N_TOGETHER)
    bench.send(market, "answer_batch", *batch, detail=detail, sender=operator)
    ids = ask()
    stage.advance(60, "the turns are over")
    wrong = outputs[:-1] + bytes([outputs[-1] ^ 1])
    terms_id = bench.system.model_registry.current_terms(model_id)
    answers = [(one, wrong if one == ids[-1] else outputs) for one in ids]
    root = AnswerRoot.of(operator.address, terms_id, answers)
    posted = (terms_id, root.output_bytes, root.leaves)
    bench.send(market, "answer_root", *posted, detail=detail, sender=operator)
    last = N_TOGETHER - 1
    opening = (root.root_id, last, root.group(last), list(root.proof(last)), features)
    bench.send(
        market, "challenge_leaf", *opening, detail=f"of {N_TOGETHER}", sender=bench.members[2]
    )
    stage.advance(WINDOW_S + 1, "the windows are over")
    settled = (root.root_id, root.leaves)
    bench.send(market, "settle_root", *settled, detail=detail, sender=bench.buyer)
    bench.send(market, "settle", batch[0], detail=detail, sender=bench.buyer)


def show_receipt(bench: Bench, model_id: int, program: Program) -> None:
    """A reserve, a wrong receipt that costs it, and the way out of the next reserve."""
    ledger, judge, operator = bench.system.stake_ledger, bench.system.receipt_judge, bench.operator
    bench.send(ledger, "deposit_reserve", value=LOCK_WEI, sender=operator)
    bench.stage.advance(10, "a receipt is signed")
    salt, features, said = bytes(32), features_of(program), bytes(4)
    terms_id = bench.system.model_registry.current_terms(model_id)
    terms = bench.system.model_registry.terms(terms_id)
    receipt = Receipt(
        model_id=model_id,
        version=terms.version,
        program_hash=program.hash,
        root=prediction_leaf(input_commitment(salt, features), said),
        issued_at=bench.stage.now(),
        terms_id=terms_id,
        operator=bytes.fromhex(operator.address[2:]),
    )
    domain = SigningDomain(chain.chain_id, bytes.fromhex(judge.address[2:]))
    key = PrivateKey(bytes.fromhex(operator.private_key.removeprefix("0x")))
    fields = (*list(astuple(receipt))[:-1], operator.address)
    shown = (fields, receipt.sign(key, domain), said, salt, features)
    bench.send(
        judge, "challenge_receipt", *shown, [], detail="30 features", sender=bench.members[2]
    )
    ledger.deposit_reserve(value=LOCK_WEI, sender=operator)
    bench.send(ledger, "begin_unbonding_reserve", LOCK_WEI, sender=operator)


def stake(bench: Bench) -> None:
    """The way out for an operator, and a challenger's bounty; and the stake that a model asks for."""
    ledger, operator = bench.system.stake_ledger, bench.operator
    ledger.deposit(value=COIN, sender=bench.buyer)
    ledger.opt_in(1, sender=bench.buyer)
    bench.vote(ledger, "set_min_stake", 1, 2 * COIN)
    bench.send(ledger, "strike", bench.buyer, 1, sender=operator)
    bench.send(ledger, "withdraw_bounty", sender=bench.members[2])
    bench.send(ledger, "opt_out", 1, sender=operator)
    bench.send(ledger, "begin_unbonding", LOCK_WEI, sender=operator)
    bench.stage.advance(ledger.unbonding_s() + 1, "the stake is unbonded")
    bench.send(ledger, "withdraw", sender=operator)
    bench.send(ledger, "withdraw_reserve", sender=operator)
