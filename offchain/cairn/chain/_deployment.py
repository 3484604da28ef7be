"""Where the contracts of a network are: `deployments/<name>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from eth_utils.address import is_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cairn.chain._errors import DeploymentError


def _checksummed(value: str) -> str:
    if not is_address(value):
        raise ValueError(f"{value} is not an address")
    return str(to_checksum_address(value))


Address = Annotated[str, AfterValidator(_checksummed)]
"""A 20-byte address, written with 0x and its checksum."""


class DeployedContract(BaseModel):
    model_config = ConfigDict(frozen=True)

    address: Address
    block: int = Field(default=0, ge=0)
    """The block of its creation: nothing of it is logged before."""


class DeployedAlliance(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    ShareToken: DeployedContract
    Governor: DeployedContract
    Timelock: DeployedContract


class Deployment(BaseModel):
    """The addresses of one deployment, as the deploy script wrote them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    network: str
    chain_id: int = Field(gt=0)
    commit: str = ""
    # How its chain is to be read, from the network's file; settings come first.
    confirmations: int = Field(default=0, ge=0)
    """Blocks on top of one before it counts."""
    log_page_blocks: int = Field(default=2_000, gt=0)
    """Blocks asked for in one `eth_getLogs`."""
    contracts: Mapping[str, DeployedContract]
    alliances: Mapping[str, DeployedAlliance] = Field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | str) -> Deployment:
        """Read a deployment. Raises `DeploymentError` if it is absent or malformed."""
        path = Path(path)
        try:
            return cls.model_validate_json(path.read_text())
        except FileNotFoundError as error:
            raise DeploymentError(
                f"no deployment at {path}; deploy first, or name another file"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DeploymentError(
                f"{path} is not a deployment: {where}: {first['msg']}; deploy again"
            ) from error

    def contract(self, name: str) -> DeployedContract:
        try:
            return self.contracts[name]
        except KeyError:
            raise DeploymentError(
                f"the deployment on {self.network} has no {name}; deploy again with this release"
            ) from None

    def alliance(self, name: str) -> DeployedAlliance:
        try:
            return self.alliances[name]
        except KeyError:
            known = ", ".join(sorted(self.alliances)) or "none"
            raise DeploymentError(
                f"no alliance {name!r} in the deployment on {self.network}; it has: {known}"
            ) from None

    @property
    def first_block(self) -> int:
        """The earliest block in which a contract of the deployment can have logged."""
        return min((contract.block for contract in self.contracts.values()), default=0)
