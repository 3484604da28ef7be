import ape
import pytest
from eth_utils import keccak

ZERO = "0x" + "00" * 20
ROLES = [keccak(text=f"{name}_ROLE") for name in ("PROPOSER", "EXECUTOR", "CANCELLER")]


def test_construction__in_bounds__only_the_governor_has_roles(
    deployer, project, governor, stranger
):
    lock = deployer.deploy(project.Timelock, 60, governor)
    assert lock.governor() == governor
    assert lock.getMinDelay() == 60
    assert [lock.PROPOSER_ROLE(), lock.EXECUTOR_ROLE(), lock.CANCELLER_ROLE()] == ROLES
    for role in (*ROLES, lock.DEFAULT_ADMIN_ROLE()):
        assert lock.hasRole(role, governor) == (role in ROLES)
        for account in (deployer, stranger, lock, ZERO):
            assert not lock.hasRole(role, account)
        assert lock.getRoleAdmin(role) == bytes(32)


def test_construction__nothing_can_change_roles(lock):
    names = {abi.name for abi in lock.contract_type.mutable_methods}
    assert names == {
        "schedule", "scheduleBatch", "execute", "executeBatch", "cancel", "updateDelay",
        "onERC721Received", "onERC1155Received", "onERC1155BatchReceived",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("delay_s", "reason"),
    [(59, "timelock: delay too short"), (30 * 86_400 + 1, "timelock: delay too long")],
)
def test_construction__delay_out_of_bounds__reverts(deployer, project, governor, delay_s, reason):
    with ape.reverts(reason):
        deployer.deploy(project.Timelock, delay_s, governor)


def test_construction__no_governor__reverts(deployer, project):
    with ape.reverts("timelock: governor is zero"):
        deployer.deploy(project.Timelock, 60, ZERO)


def test_supports_interface__as_openzeppelin_s(lock):
    for interface_id in ("0x01ffc9a7", "0x7965db0b", "0x4e2312e0", "0x150b7a02"):
        assert lock.supportsInterface(interface_id)
    assert not lock.supportsInterface("0xffffffff")


def test_receive__coin_and_collectibles__are_taken(lock, stranger, payer):
    receipt = payer.transfer(lock, 5)
    assert receipt.gas_used < 21_000 + 2_300
    assert lock.balance == 5
    assert lock.onERC721Received.call(stranger, stranger, 1, b"") == bytes.fromhex("150b7a02")
    assert lock.onERC1155Received.call(stranger, stranger, 1, 1, b"") == bytes.fromhex("f23a6e61")
    assert lock.onERC1155BatchReceived.call(stranger, stranger, [1], [1], b"") == bytes.fromhex(
        "bc197c81"
    )
    with ape.reverts("timelock: unknown function"):
        payer.transfer(lock, 5, data=b"\x01\x02\x03\x04")
