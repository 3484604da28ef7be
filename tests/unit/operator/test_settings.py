import pytest
from pydantic import ValidationError

from cairn.operator import Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)


def test_settings__no_account__are_refused():
    with pytest.raises(ValidationError, match="account"):
        Settings()


def test_settings__shared_and_own__own_comes_first(monkeypatch):
    monkeypatch.setenv("CAIRN_OPERATOR_ACCOUNT", "worker")
    monkeypatch.setenv("CAIRN_RPC_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CAIRN_STORE", "shared")
    monkeypatch.setenv("CAIRN_OPERATOR_STORE", "own")
    monkeypatch.setenv("CAIRN_OPERATOR_MODELS", "1, 4")
    monkeypatch.setenv("CAIRN_OPERATOR_DATABASE", "sqlite:///x.db")
    settings = Settings()
    assert settings.account == "worker" and settings.models == (1, 4)
    assert settings.rpc_url == "http://127.0.0.1:1" and str(settings.store) == "own"
    assert settings.database == "sqlite:///x.db"


def test_settings__misspelt__are_refused():
    with pytest.raises(ValidationError, match="modles"):
        Settings(account="worker", modles="1")


@pytest.mark.parametrize(
    ("settings", "deep"),
    [
        ({}, 0),
        ({"rpc_url": "https://chain.example"}, 1),
        ({"rpc_url": "https://chain.example", "confirmations": 0}, 0),
        ({"confirmations": 4}, 4),
    ],
)
def test_blocks_deep__not_set__is_one_but_on_this_machine(settings, deep):
    one = Settings(account="worker", **settings)
    assert one.blocks_deep == one.network(4690).confirmations == deep


def test_network__from_settings__carries_the_bounds():
    settings = Settings(account="worker", confirmations=3, log_page_blocks=10, request_timeout_s=2)
    network = settings.network(4690)
    assert (network.chain_id, network.confirmations, network.log_page_blocks) == (4690, 3, 10)
    assert network.request_timeout_s == 2
