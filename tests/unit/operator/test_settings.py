import pytest
from pydantic import ValidationError

from cairn.chain import Deployment
from cairn.cli._main import run
from cairn.operator import Settings
from cairn.settings import ConnectionSettings


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    import os

    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)


def test_settings__no_account__are_refused():
    with pytest.raises(ValidationError, match="ACCOUNT"):
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
    ("variable", "value"),
    [
        ("CAIRN_OPERATOR_HEALTH_PORT", "99999"),
        ("CAIRN_OPERATOR_LOG_PAGE_BLOCKS", "0"),
        ("CAIRN_OPERATOR_CONFIRMATIONS", "-1"),
    ],
)
def test_settings__out_of_bounds__are_refused_by_their_variable(
    monkeypatch, capsys, variable, value
):
    monkeypatch.setenv(variable, value)
    assert run(["operator", "status", "--account", "worker"]) == 1
    assert capsys.readouterr().err.startswith(f"cairn: {variable}: ")


def test_settings__variables_of_others__are_not_the_workers(monkeypatch):
    monkeypatch.setenv("CAIRN_DATABASE", "sqlite:///wrong.db")
    monkeypatch.setenv("CAIRN_MODELS", "7")
    settings = Settings(account="worker")
    assert (settings.database, settings.models) == ("sqlite:///var/operator.db", ())


def test_settings__each__says_what_it_is_for():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


DEPLOYMENT = Deployment(
    network="iotex-testnet", chain_id=4690, confirmations=3, log_page_blocks=10, contracts={}
)


def test_on__not_set__is_as_the_deployment_says():
    settings = Settings(account="worker").on(DEPLOYMENT)
    assert (settings.confirmations, settings.log_page_blocks) == (3, 10)
    network = settings.network(4690)
    assert (network.chain_id, network.log_page_blocks) == (4690, 10)


def test_on__set__comes_first(monkeypatch):
    monkeypatch.setenv("CAIRN_LOG_PAGE_BLOCKS", "50")
    settings = Settings(account="worker", confirmations=0, request_timeout_s=2).on(DEPLOYMENT)
    assert (settings.confirmations, settings.log_page_blocks) == (0, 50)
    assert settings.network(4690).request_timeout_s == 2


def test_on__other_commands__read_the_chain_as_the_deployment_says():
    network = ConnectionSettings().on(DEPLOYMENT).network(4690)
    assert (network.confirmations, network.log_page_blocks) == (3, 10)


def test_command__no_account__says_how_to_name_one(capsys):
    assert run(["operator", "status"]) == 1
    assert "CAIRN_OPERATOR_ACCOUNT" in capsys.readouterr().err


def test_command__of_a_deployment__works_by_it(monkeypatch, tmp_path):
    """What the worker is given, up to where it would reach for its node."""
    path = tmp_path / "deployment.json"
    path.write_text(DEPLOYMENT.model_dump_json())
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(path))
    given = []
    monkeypatch.setattr("cairn.cli._operator.look", given.append)
    with pytest.raises(AttributeError):  # it returned no status
        run(["operator", "status", "--account", "worker"])
    assert given[0].confirmations == 3
