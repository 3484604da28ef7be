"""The same deployment as scripts.deploy's, on titanoboa: quick enough for thousands of
transactions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import boa
from eth_utils import keccak, to_checksum_address

from scripts._system import SystemSettings, system_groups

CONTRACTS = Path(__file__).parents[2] / "contracts"


@cache
def load(name: str) -> Any:
    """The deployer of a contract, by its name."""
    [path] = CONTRACTS.glob(f"*/{name}.vy")
    return boa.load_partial(str(path))


def deploy_system() -> dict[str, Any]:
    """All shared contracts, by name, wired as scripts.deploy wires them.

    Deployed once, and again only where titanoboa has taken them back with the test or fixture that
    asked first. So a machine calls this before its first example.
    """
    system = _deployed()
    if not boa.env.get_code(system["StakeLedger"].address):
        _deployed.cache_clear()
        system = _deployed()
    return system


@cache
def _deployed() -> dict[str, Any]:
    groups = system_groups(SystemSettings(), lambda name: load(name).compiler_data.bytecode)
    addresses = {
        step.name: to_checksum_address(keccak(text=step.name)[12:])
        for group in groups
        for step in group
    }
    contracts = {}
    for group in groups:
        for step in group:
            deployer = load(step.name)
            if step.blueprint:
                blueprint = deployer.deploy_as_blueprint()
                addresses[step.key] = blueprint.address
                contracts[step.key] = blueprint
            else:
                contracts[step.name] = deployer.deploy(
                    *step.args(addresses), override_address=addresses[step.name]
                )
    return contracts
