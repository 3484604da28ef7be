"""Networks' files, and on which nodes the development keys are accepted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ape import accounts

from scripts import _system
from scripts._deployment import DeploymentError, Journal
from scripts._system import ROOT, ZERO, SystemSettings, account_named, is_local, load_network


@pytest.fixture
def connect(monkeypatch):
    """Pretend to be connected to a node."""

    def connect_(uri: str, chain_id: int = 4690) -> None:
        provider = SimpleNamespace(uri=uri)
        monkeypatch.setattr(_system, "networks", SimpleNamespace(active_provider=provider))
        monkeypatch.setattr(_system, "chain", SimpleNamespace(chain_id=chain_id))

    return connect_


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:8545", "http://localhost:1", "http://[::1]:8545", "ws://127.0.0.1:1"]
)
def test_development_key__node_of_this_machine__is_accepted(connect, uri):
    connect(uri)
    assert is_local()
    assert account_named("TEST::1") == accounts.test_accounts[1]


@pytest.mark.parametrize(
    "uri",
    [
        "https://babel-api.testnet.iotex.io",
        "http://127.0.0.1.example.com:8545",
        "http://localhost@example.com",
        "http://example.com/127.0.0.1",
        "http://0.0.0.0:8545",
        "http://10.0.0.1:8545",
        "",
        "None",
    ],
)
def test_development_key__node_elsewhere__is_refused(connect, uri):
    connect(uri)
    assert not is_local()
    with pytest.raises(DeploymentError, match="the development mnemonic is refused"):
        account_named("TEST::0")


@pytest.mark.parametrize("name", ["iotex-testnet", "iotex-mainnet"])
def test_system_settings__network_with_ioid__name_its_contracts(name):
    file = yaml.safe_load((ROOT / "networks" / f"{name}.yaml").read_text())
    settings = SystemSettings.of(file)
    assert settings.ioid_registry == file["ioid_registry"] != ZERO
    assert settings.ioid == file["ioid"] != ZERO
    assert settings.bond_wei == SystemSettings().bond_wei


def test_load_network__node_of_another_chain__is_refused(connect, tmp_path: Path):
    (tmp_path / "some.yaml").write_text("chain_id: 4689\n")
    connect("http://127.0.0.1:8545", chain_id=4690)
    with pytest.raises(DeploymentError, match=r"some.yaml is for chain 4689, this node is of 4690"):
        load_network("some", tmp_path)


def test_load_network__no_such_file__names_those_there_are(connect, tmp_path: Path):
    (tmp_path / "some.yaml").write_text("chain_id: 4690\n")
    connect("http://127.0.0.1:8545")
    with pytest.raises(DeploymentError, match=r"no other.yaml .*; there are: some"):
        load_network("other", tmp_path)


def test_journal__file_of_another_chain__is_refused(tmp_path: Path):
    Journal(tmp_path / "iotex-dev.json", "iotex-dev", 4690).save()
    with pytest.raises(DeploymentError, match=r"is of chain 4690, this node is of 4689"):
        Journal(tmp_path / "iotex-dev.json", "iotex-dev", 4689)
