"""`cairn device register`, `list` and `revoke`, on the real contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cairn.chain import development_account
from cairn.cli import cairn
from cairn.devices import CLIMATES, SimulatedDevice, device_address
from cairn.domain.packets import encode_confirmation
from tests.integration._support import Oracle

OWNER, STRANGER = 8, 9  # of the development mnemonic

Command = Callable[..., Result]


@pytest.fixture
def command(oracle: Oracle, deployment_file: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("CAIRN_RPC_URL", oracle.anvil.url)
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(deployment_file))
    return lambda *words: CliRunner().invoke(cairn, ["device", *words])


def owner_of(oracle: Oracle) -> str:
    return development_account(OWNER, oracle.system.node, oracle.system.network).address


def consent_of(oracle: Oracle, sensor: SimulatedDevice) -> bytes:
    """The sensor's own ConfirmPackage for the owner."""
    now = oracle.system.node.head().timestamp
    return encode_confirmation(sensor.confirm(bytes.fromhex(owner_of(oracle)[2:]), now))


def test_device__registered_listed_revoked(
    command: Command, oracle: Oracle, tmp_path: Path
) -> None:
    sensor = SimulatedDevice(21, 0, CLIMATES[0], 300)
    consent = tmp_path / "consent.bin"
    consent.write_bytes(consent_of(oracle, sensor))
    words = ("register", sensor.address, "--consent", str(consent), "--period", "600")
    result = command(*words, "--account", f"TEST::{OWNER}")
    assert result.exit_code == 0, result.output
    address = device_address(sensor.address)  # with its checksum
    assert f"{address} is registered" in result.output

    result = command("list", "--owner", owner_of(oracle), "--alliance", "Air", "--json")
    assert result.exit_code == 0, result.output
    expected = {
        "device": address,
        "owner": owner_of(oracle),
        "format": "current",
        "period_s": 600,
        "is_revoked": False,
        "is_admitted": False,
    }
    assert json.loads(result.output) == [expected]
    assert "every 600 s" in command("list").output

    result = command("revoke", sensor.address, "--account", f"TEST::{STRANGER}")
    assert result.exit_code == 1
    result = command("revoke", sensor.address, "--account", f"TEST::{OWNER}")
    assert result.exit_code == 0, result.output
    assert "revoked" in command("list", "--owner", owner_of(oracle)).output


def test_register__consent_of_another_sensor__is_refused(command: Command, oracle: Oracle) -> None:
    sensor, other = (SimulatedDevice(22, number, CLIMATES[0], 300) for number in range(2))
    consent = consent_of(oracle, other).hex()
    result = command(
        "register", sensor.address, "--consent", consent, "--account", f"TEST::{OWNER}"
    )
    assert result.exit_code == 1
    assert "sign" in str(result.exception or result.output)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("register", "0x12", "--ioid"), "is no address"),
        (("register", "0x" + "11" * 20), "give the device's --consent, or --ioid"),
        (("register", "0x" + "11" * 20, "--consent", "nowhere.bin"), "neither hexadecimal"),
    ],
)
def test_register__misused__says_how(command: Command, words: tuple[str, ...], said: str) -> None:
    result = command(*words, "--account", f"TEST::{OWNER}")
    assert result.exit_code == 2
    assert said in result.output
