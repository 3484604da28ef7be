"""The adapter over web3.py: what it makes of a node that does not know something."""

from __future__ import annotations

from typing import Any

import pytest
from web3.exceptions import BlockNotFound, TransactionNotFound

from cairn.chain import Network, Web3Node


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Web3Node:
    """A node that knows no transaction and no block."""
    made = Web3Node(Network(rpc_url="http://127.0.0.1:1", chain_id=4690))

    def unknown(error: type[Exception]) -> Any:
        def answer(*_: object) -> None:
            raise error("not found")

        return answer

    for name, error in (
        ("get_transaction", TransactionNotFound),
        ("get_transaction_receipt", TransactionNotFound),
        ("get_block", BlockNotFound),
    ):
        monkeypatch.setattr(made.web3.eth, name, unknown(error))
    return made


def test_receipt__unknown_transaction__is_none(node: Web3Node) -> None:
    assert node.receipt(bytes(32)) is None


def test_knows__unknown_transaction__is_false(node: Web3Node) -> None:
    assert node.knows(bytes(32)) is False


def test_block_hash__beyond_the_newest__is_none(node: Web3Node) -> None:
    assert node.block_hash(10**9) is None
