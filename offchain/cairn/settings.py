"""Which chain, which deployment and which store: what every command and service connects to."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import AliasChoices, AliasGenerator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cairn.chain import Deployment, Network, System
from cairn.storage import ContentStore, StorageConfig, open_store

__all__ = ["ConnectionSettings", "variables_of"]


class ConnectionSettings(BaseSettings):
    """Read from `CAIRN_*`. The defaults are those of `make up`: the local chain and its store."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_", extra="ignore", frozen=True)

    rpc_url: str = Field(
        default="http://127.0.0.1:8545", description="The chain's JSON-RPC endpoint."
    )
    deployment: Path = Field(
        default=Path("deployments/iotex-dev.json"), description="Where the contracts are."
    )
    store: Path = Field(default=Path("var/store"), description="The folder of the embedded store.")
    ipfs: str | None = Field(
        default=None,
        description="An IPFS node's multiaddr, such as /ip4/127.0.0.1/tcp/5001/http.",
    )
    confirmations: int = Field(
        default=0,
        ge=0,
        description="Blocks on top of one before whoever follows the logs counts it (an audit looks "
        "at all there is); unset, what the deployment's file says.",
    )
    log_page_blocks: int = Field(
        default=2_000,
        gt=0,
        description="Blocks asked for in one eth_getLogs; unset, what the deployment's file says.",
    )
    request_timeout_s: float = Field(
        default=10.0, gt=0, description="How long one question to the node may take."
    )

    def load_deployment(self) -> Deployment:
        """Raises DeploymentError if there is none."""
        return Deployment.load(self.deployment)

    def on(self, deployment: Deployment) -> Self:
        """These settings; how its chain is to be read, where not set, as the deployment says."""
        unset = {"confirmations", "log_page_blocks"} - self.model_fields_set
        return self.model_copy(update={name: getattr(deployment, name) for name in unset})

    def network(self, chain_id: int) -> Network:
        return Network(
            rpc_url=self.rpc_url,
            chain_id=chain_id,
            confirmations=self.confirmations,
            log_page_blocks=self.log_page_blocks,
            request_timeout_s=self.request_timeout_s,
        )

    def connect(self) -> System:
        """All contracts. Raises ChainError if the node or the deployment is not the right one."""
        deployment = self.load_deployment()
        return System.connect(self.on(deployment).network(deployment.chain_id), deployment)

    def open_store(self) -> ContentStore:
        return open_store(StorageConfig(folder=self.store, ipfs=self.ipfs))


def variables_of(prefix: str) -> AliasGenerator:
    """The variables of a service's settings: what every command connects to is `CAIRN_*`, unless the
    service has its own.
    """

    def names(field: str) -> str | AliasChoices:
        own = f"{prefix}{field.upper()}"
        if field in ConnectionSettings.model_fields:
            return AliasChoices(own, f"CAIRN_{field.upper()}")
        return own

    return AliasGenerator(validation_alias=names)
