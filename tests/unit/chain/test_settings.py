import json

import pytest
from eth_account import Account
from pydantic import ValidationError

from cairn.chain import (
    AbiError,
    AccountError,
    Deployment,
    DeploymentError,
    Network,
    Phase,
    Status,
    address_of,
    development_account,
    load_abi,
    load_account,
    open_account,
)
from cairn.chain.fakes import FakeChain

ADDRESS = "0x" + "ab" * 20


def write(path, **changes):
    content = {
        "network": "dev",
        "chain_id": 4690,
        "commit": "abc",
        "contracts": {"ModelRegistry": {"address": ADDRESS, "block": 7}},
        "alliances": {
            "air": {name: {"address": ADDRESS} for name in ("ShareToken", "Governor", "Timelock")}
        },
    }
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_deployment__written_by_the_script__is_read(tmp_path):
    deployment = Deployment.load(write(tmp_path / "dev.json"))
    assert deployment.contract("ModelRegistry").address.lower() == ADDRESS
    assert deployment.alliance("air").Timelock.address.lower() == ADDRESS
    assert deployment.first_block == 7 and deployment.chain_id == 4690


def test_deployment__absent_or_broken__says_what_to_do(tmp_path):
    with pytest.raises(DeploymentError, match="deploy first"):
        Deployment.load(tmp_path / "none.json")
    with pytest.raises(DeploymentError, match="contracts.ModelRegistry.address.*not an address"):
        Deployment.load(write(tmp_path / "bad.json", contracts={"ModelRegistry": {"address": "x"}}))
    deployment = Deployment.load(write(tmp_path / "dev.json"))
    with pytest.raises(DeploymentError, match="has no InferenceMarket"):
        deployment.contract("InferenceMarket")
    with pytest.raises(DeploymentError, match="it has: air"):
        deployment.alliance("water")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8545", True),
        ("http://127.8.8.8:8545", True),
        ("http://[::1]:8545", True),
        ("http://localhost:8545", True),
        ("http://localhost.example.org:8545", False),
        ("http://10.0.0.1:8545", False),
        ("https://babel-api.testnet.iotex.io", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_network__is_loopback__goes_by_the_address(url, loopback):
    assert Network(rpc_url=url, chain_id=4690).is_loopback is loopback


def test_network__not_http__is_refused():
    with pytest.raises(ValidationError, match="http"):
        Network(rpc_url="ws://127.0.0.1", chain_id=1)


def test_load_abi__not_exported__says_run_make_setup():
    with pytest.raises(AbiError, match="run `make setup`"):
        load_abi("NoSuchContract")


def test_flags__match_vyper():
    assert [int(one) for one in (Status.OPEN, Status.ANSWERED, Status.SETTLED)] == [1, 2, 4]
    assert [int(one) for one in (Status.REFUNDED, Status.SLASHED)] == [8, 16]
    assert [int(one) for one in Phase if one] == [1, 2, 4, 8]


@pytest.fixture(scope="module")
def keystore(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accounts")
    made = Account.encrypt(bytes(31) + b"\x05", "secret", kdf="pbkdf2", iterations=10)
    (folder / "worker.json").write_text(json.dumps(made))
    return folder


def test_load_account__passphrase_from_environment_or_file__unlocks(keystore, tmp_path):
    address = Account.from_key(bytes(31) + b"\x05").address
    environ = {"APE_ACCOUNTS_worker_PASSPHRASE": "secret"}
    assert load_account("worker", folder=keystore, environ=environ).address == address
    environ = {"APE_ACCOUNTS_WORKER_PASSPHRASE": "secret"}
    signer = load_account("worker", folder=keystore, environ=environ)
    assert signer.address == address and repr(signer) == f"LocalSigner({address})"
    (tmp_path / "pass").write_text("secret\n")
    (tmp_path / "pass").chmod(0o600)
    signer = load_account("worker", folder=keystore, passphrase_file=tmp_path / "pass", environ={})
    assert signer.address == address


def test_load_account__cannot__says_what_to_do(keystore, tmp_path):
    with pytest.raises(AccountError, match="ape accounts generate other"):
        load_account("other", folder=keystore, environ={})
    with pytest.raises(AccountError, match="set APE_ACCOUNTS_worker_PASSPHRASE"):
        load_account("worker", folder=keystore, environ={})
    with pytest.raises(AccountError, match="is wrong"):
        load_account("worker", folder=keystore, environ={"APE_ACCOUNTS_worker_PASSPHRASE": "no"})
    with pytest.raises(AccountError, match="cannot be read"):
        load_account("worker", folder=keystore, passphrase_file=tmp_path / "none", environ={})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_load_account__passphrase_file_of_others_too__is_refused(keystore, tmp_path, mode):
    path = tmp_path / "pass"
    path.write_text("secret\n")
    path.chmod(mode)
    with pytest.raises(AccountError, match=f"mode {mode:03o}.*chmod 600"):
        load_account("worker", folder=keystore, passphrase_file=path, environ={})
    path.chmod(0o400)
    assert load_account("worker", folder=keystore, passphrase_file=path, environ={}).address


def test_load_account__systemds_credential__may_be_read_by_its_group(keystore, tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    path = folder / "passphrase"
    path.write_text("secret\n")
    path.chmod(0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    assert load_account("worker", folder=keystore, passphrase_file=path, environ=environ).address
    outside = tmp_path / "credentials2"
    outside.write_text("secret\n")
    for file, mode in ((path, 0o444), (path, 0o460), (outside, 0o440)):
        file.chmod(mode)
        with pytest.raises(AccountError, match=f"mode {mode:03o}"):
            load_account("worker", folder=keystore, passphrase_file=file, environ=environ)


def test_address_of__keystore__is_read_without_a_passphrase(keystore, monkeypatch):
    monkeypatch.setattr(Account, "decrypt", None)  # any use of it fails
    address = Account.from_key(bytes(31) + b"\x05").address
    assert address_of("worker", FakeChain(), LOCAL, folder=keystore) == address
    assert address_of("TEST::0", FakeChain(), LOCAL).startswith("0xf39F")
    with pytest.raises(AccountError, match="ape accounts generate other"):
        address_of("other", FakeChain(), LOCAL, folder=keystore)


@pytest.mark.parametrize("address", [None, "0x12", "ab" * 20])
def test_load_account__keystore_of_another_address__is_refused(keystore, tmp_path, address):
    keyfile = json.loads((keystore / "worker.json").read_text())
    (tmp_path / "worker.json").write_text(json.dumps({**keyfile, "address": address}))
    environ = {"APE_ACCOUNTS_worker_PASSPHRASE": "secret"}
    with pytest.raises(AccountError, match="address"):
        load_account("worker", folder=tmp_path, environ=environ)


LOCAL = Network(rpc_url="http://127.0.0.1:8545", chain_id=4690)


def test_development_account__on_a_local_anvil__is_the_known_one():
    signer = open_account("TEST::0", FakeChain(), LOCAL)
    assert signer.address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_development_account__not_on_this_machine__is_refused():
    public = Network(rpc_url="https://babel-api.testnet.iotex.io", chain_id=4690)
    with pytest.raises(AccountError, match="on this machine"):
        development_account(0, FakeChain(), public)


def test_development_account__tunnel_to_a_public_node__is_refused():
    chain = FakeChain()
    chain.client_version = lambda: "IoTeX/v2.3.1"
    with pytest.raises(AccountError, match="not a development chain"):
        development_account(0, chain, LOCAL)
