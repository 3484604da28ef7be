"""Networks' files, and on which nodes the development keys are accepted."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from ape import accounts

from scripts import _system
from scripts._deployment import DeploymentError, Journal
from scripts._system import (
    ROOT,
    ZERO,
    SystemSettings,
    account_named,
    is_local,
    load_network,
    open_journal,
)
from scripts.deploy import HOW_TO_READ


@pytest.fixture
def connect(monkeypatch):
    """Pretend to be connected to a node, which holds no contract."""

    def connect_(
        uri: str, chain_id: int = 4690, version: str = "anvil/v1.7.1", network: str = "dev"
    ) -> None:
        provider = SimpleNamespace(
            uri=uri,
            make_request=lambda method, _: {"web3_clientVersion": version}[method],
            get_code=lambda _: b"",
            network=SimpleNamespace(name=network, ecosystem=SimpleNamespace(name="iotex")),
        )
        monkeypatch.setattr(_system, "networks", SimpleNamespace(active_provider=provider))
        known = SimpleNamespace(chain_id=chain_id, provider=provider)
        monkeypatch.setattr(_system, "chain", known)

    return connect_


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:8545", "http://localhost:1", "http://[::1]:8545"]
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
        "ws://127.0.0.1:1",
        "",
        "None",
    ],
)
def test_development_key__node_elsewhere__is_refused(connect, uri):
    connect(uri)
    assert not is_local()
    with pytest.raises(DeploymentError, match="the development mnemonic is refused"):
        account_named("TEST::0")


@pytest.mark.parametrize("version", ["IoTeX/v2.3.1", "Geth/v1.15.0", ""])
def test_development_key__public_node_on_this_machine__is_refused(connect, version):
    connect("http://127.0.0.1:8545", version=version)
    with pytest.raises(DeploymentError, match=r"refused: .*not a development chain"):
        account_named("TEST::0")


@pytest.fixture
def journal_file(tmp_path: Path, monkeypatch) -> Path:
    """A deployment of chain 4690, of which the connected node has no code."""
    path = tmp_path / "deployment.json"
    journal = Journal(path, "iotex-testnet", 4690)
    journal.record["contracts"]["Evaluator"] = {"address": "0x" + "11" * 20, "block": 7}
    journal.save()
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(path))
    return path


@pytest.mark.parametrize(
    ("network", "version"),
    [
        ("testnet", "IoTeX/v2.3.1"),  # a node of one's own that is still syncing
        ("testnet", "anvil/v1.7.1"),
        ("dev", "IoTeX/v2.3.1"),
    ],
)
def test_open_journal__node_that_has_no_code_yet__keeps_the_deployment(
    connect, journal_file, network, version
):
    connect("http://127.0.0.1:8545", network=network, version=version)
    assert "Evaluator" in open_journal().record["contracts"]


def test_open_journal__local_chain_begun_anew__begins_anew(connect, journal_file):
    connect("http://127.0.0.1:8545")
    assert open_journal().record["contracts"] == {}


@pytest.mark.parametrize("path", sorted((ROOT / "networks").glob("*.yaml")), ids=lambda p: p.stem)
def test_networks__each_setting__is_read_by_something(path):
    read = {"chain_id", "deployer", "alliances", *HOW_TO_READ}
    read |= {field.name for field in fields(SystemSettings)}
    assert set(yaml.safe_load(path.read_text())) - read == set()


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
