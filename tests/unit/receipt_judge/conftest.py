from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from coincurve import PrivateKey

from cairn.domain.receipts import (
    Receipt,
    SigningDomain,
    input_commitment,
    prediction_leaf,
    receipt_tree,
)
from tests.unit.inference_market.conftest import (  # noqa: F401
    features,
    ledger,
    model_id,
    outputs,
    wrong,
)

RESERVE_WEI = 3 * 10**18 + 1
SALT = bytes(range(32))


@pytest.fixture(scope="session")
def judge(system):
    return system.receipt_judge


@pytest.fixture(scope="session")
def key(operator) -> PrivateKey:
    """The operator's key, as a server holds it."""
    return PrivateKey(bytes.fromhex(operator.private_key.removeprefix("0x")))


@pytest.fixture
def domain(judge, chain) -> SigningDomain:
    return SigningDomain(chain.chain_id, bytes.fromhex(judge.address[2:]))


@pytest.fixture
def reserve(ledger, operator, pass_time):
    """The operator, with a reserve since a while ago."""
    ledger.deposit_reserve(value=RESERVE_WEI, sender=operator)
    pass_time(10)
    return operator


@dataclass(frozen=True)
class Served:
    """A prediction served over HTTP, with its receipt: the arguments of challenge_receipt."""

    receipt: Receipt
    signature: bytes
    outputs: bytes
    salt: bytes
    features: bytes
    proof: tuple[bytes, ...] = ()

    @property
    def args(self) -> tuple:
        r = self.receipt
        fields = (
            r.model_id, r.version, r.program_hash, r.root, r.issued_at, r.terms_id,
            "0x" + r.operator.hex(),
        )  # fmt: skip
        return (
            fields, self.signature, self.outputs, self.salt, self.features, list(self.proof),
        )  # fmt: skip


@pytest.fixture
def serve(
    system,
    model_id,
    features,
    operator,
    key,
    domain,
    published_program,
    chain,
) -> Callable[..., Served]:
    """Sign for outputs, as an operator's server does; `changes` are of the receipt's fields."""

    def serve_(said: bytes, batch: list[bytes] | None = None, **changes) -> Served:
        commitment = input_commitment(SALT, features)
        proof: tuple[bytes, ...] = ()
        root = prediction_leaf(commitment, said)
        if batch is not None:
            others = [(input_commitment(bytes(32), b"%d" % i), one) for i, one in enumerate(batch)]
            tree = receipt_tree([*others, (commitment, said)])
            root, proof = tree.root, tree.proof(len(batch))
        fields = {
            "model_id": model_id,
            "version": 1,
            "program_hash": published_program.hash,
            "root": root,
            "issued_at": chain.blocks.head.timestamp,
            "terms_id": system.model_registry.current_terms(model_id),
            "operator": bytes.fromhex(operator.address[2:]),
        }
        receipt = Receipt(**{**fields, **changes})
        return Served(receipt, receipt.sign(key, domain), said, SALT, features, proof)

    return serve_
