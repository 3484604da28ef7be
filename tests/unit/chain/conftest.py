import logging
from pathlib import Path

import pytest
from eth_account import Account

from cairn.chain import LocalSigner, Store
from cairn.chain.fakes import FakeChain, FakeTally


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def tally(chain: FakeChain) -> FakeTally:
    tally = FakeTally(chain, "0x" + "11" * 20)
    chain.mine()  # its creation
    return tally


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/operator.db"


@pytest.fixture
def store(url: str):
    store = Store(url)
    yield store
    store.close()


@pytest.fixture
def signer() -> LocalSigner:
    return LocalSigner(Account.from_key(bytes(31) + b"\x07"))


@pytest.fixture(autouse=True)
def _quiet(caplog) -> None:
    caplog.set_level(logging.ERROR, logger="cairn")  # taken back after the test
