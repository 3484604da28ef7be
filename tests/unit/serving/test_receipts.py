"""What the API signs, and what it says where nobody signs."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from eth_account import Account

from cairn.domain.integers import pack_features
from cairn.domain.receipts import SigningDomain
from cairn.domain.signed_receipts import SignedReceipt
from cairn.serving import UNSIGNED, ReceiptSigner
from tests.unit.serving.conftest import follow, open_server, raw

pytestmark = pytest.mark.anyio

SECRET = b"\5" * 32
OPERATOR = Account.from_key(SECRET).address
JUDGE = b"\x11" * 20


def signer(**changes: object) -> ReceiptSigner:
    return ReceiptSigner(PrivateKey(SECRET), OPERATOR, SigningDomain(4690, JUDGE), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 3])
async def test_infer__with_a_signer__signs_each_row_of_the_answer(n: int) -> None:
    server = open_server(signer=signer())
    await follow(server.board)
    answer = (await server.infer(raw(2137, 4820, 101325, n=n))).json()
    parameters = answer["parameters"]
    [said] = [tensor["data"] for tensor in answer["outputs"] if tensor["datatype"] == "INT32"]
    asked = [pack_features((2137, 4820, 101325))] * n
    signed = SignedReceipt.from_answer(parameters, asked, [pack_features([one]) for one in said])
    signed.check()
    assert parameters["operator"] == OPERATOR
    # Dated by the chain, whatever the clock here says.
    assert signed.receipt.issued_at == server.catalog.time
    assert (signed.receipt.model_id, signed.receipt.terms_id) == (1, 5)
    assert len({one.salt for one in signed.predictions}) == n


async def test_infer__asked_again__hides_the_rows_behind_another_seed() -> None:
    server = open_server(signer=signer())
    await follow(server.board)
    first, second = [(await server.infer(raw(1, 2, 3))).json()["parameters"] for _ in range(2)]
    assert first["receipt_seed"] != second["receipt_seed"]
    assert first["receipt_root"] != second["receipt_root"]


async def test_metadata__with_a_signer__says_who_signs() -> None:
    server = open_server(signer=signer())
    await follow(server.board)
    told = (await server.client.get("/v2/models/air-quality")).json()["parameters"]
    assert told["receipt"] == "eip712"
    assert (told["operator"], told["receipt_judge"]) == (OPERATOR, "0x" + JUDGE.hex())


async def test_infer__without_a_signer__says_so() -> None:
    server = open_server()
    await follow(server.board)
    for told in (
        (await server.infer(raw(1, 2, 3))).json(),
        (await server.client.get("/v2/models/air-quality")).json(),
    ):
        assert told["parameters"]["receipt"] == UNSIGNED
        assert "operator" not in told["parameters"]
