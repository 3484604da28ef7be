"""The ingester's settings: one object, built at the process's edge and passed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from cairn.chain import FeePolicy, Network
from cairn.errors import CairnError


class IngestError(CairnError):
    """A setting or a state in which the ingester cannot work."""


def _shared(name: str, default: Any, **bounds: Any) -> Any:
    names = AliasChoices(f"CAIRN_INGEST_{name.upper()}", f"CAIRN_{name.upper()}")
    return Field(default, validation_alias=names, **bounds)


class IngestSettings(BaseSettings):
    """Read from `CAIRN_INGEST_*`. Account and alliance have no default."""

    model_config = SettingsConfigDict(
        env_prefix="CAIRN_INGEST_", extra="forbid", frozen=True, populate_by_name=True
    )

    account: str = Field(
        description="The devices' owner: an Ape account's alias; or TEST::n on a local chain."
    )
    passphrase_file: Path | None = Field(
        None, description="Else the passphrase is read from APE_ACCOUNTS_<alias>_PASSPHRASE."
    )
    alliance: str = Field(
        description="Whom batches are anchored for: a name in the deployment, or a timelock's 0x…."
    )
    database: str = Field(
        "sqlite:///var/ingest.db", description="SQLAlchemy's URL: SQLite, or postgresql+psycopg."
    )
    # What every command of Cairn connects to: `CAIRN_*` will do, `CAIRN_INGEST_*` comes first.
    rpc_url: str = _shared("rpc_url", "http://127.0.0.1:8545")
    deployment: Path = _shared("deployment", Path("deployments/iotex-dev.json"))
    store: Path = _shared("store", Path("var/store"))
    ipfs: str | None = _shared("ipfs", None)
    confirmations: int = _shared("confirmations", 0, ge=0)
    log_page_blocks: int = _shared("log_page_blocks", 2_000, gt=0)
    request_timeout_s: float = _shared("request_timeout_s", 10.0, gt=0)

    host: str = "127.0.0.1"
    port: int = Field(8691, ge=0, le=65535, description="Where POST /device is; 0 for any free.")
    mqtt_host: str | None = Field(None, description="The MQTT broker; none if unset.")
    mqtt_port: int = Field(1883, gt=0, le=65535)
    mqtt_client_id: str = Field(
        "cairn-ingest", description="The broker keeps unacknowledged messages under this name."
    )
    mqtt_username: str | None = None
    mqtt_password_file: Path | None = None
    mqtt_tls: bool = False

    max_ahead_s: int = Field(
        600, ge=0, description="How far a device's clock may be ahead; the registry's bound is 600."
    )
    queue_size: int = Field(4_096, gt=0, description="Packets checked and waiting to be written.")
    max_connections: int = Field(512, gt=0, description="HTTP requests at a time; then 503.")
    burst: int = Field(2_000, gt=0, description="Packets that a device may send at once.")
    packets_per_s: float = Field(2.0, gt=0, description="And then this many a second.")

    batch_every_s: int = Field(
        86_400, gt=0, description="A batch is made once its first packet is this old."
    )
    batch_most: int = Field(
        4_096, gt=0, le=2**20, description="Or once this many packets are there."
    )
    grace_s: int = Field(
        120, ge=0, description="Packets younger than this wait: others may still overtake them."
    )
    publish: bool = Field(
        False, description="Put batch files into the content store and their CIDs on chain."
    )
    withdraw_bonds: int = Field(
        4, gt=0, description="Take out bonds given back once there are this many."
    )

    poll_interval_s: float = Field(2.0, gt=0)
    least_tip_wei: int = Field(0, ge=0)
    max_fee_wei: int | None = Field(
        None, gt=0, description="The most for each gas; above it a stuck transaction waits."
    )
    replace_after_blocks: int = Field(6, gt=0)
    max_step_age_s: float = Field(
        120.0,
        gt=0,
        description="Unhealthy once the last good look at the chain is older than this.",
    )
    drain_s: int = Field(10, gt=0, description="How long requests under way may take at the end.")
    log_level: str = "INFO"

    def network(self, chain_id: int) -> Network:
        return Network(
            rpc_url=self.rpc_url,
            chain_id=chain_id,
            confirmations=self.confirmations,
            log_page_blocks=self.log_page_blocks,
            request_timeout_s=self.request_timeout_s,
        )

    def fee_policy(self) -> FeePolicy:
        return FeePolicy(
            least_tip_wei=self.least_tip_wei,
            cap_wei=self.max_fee_wei,
            replace_after_blocks=self.replace_after_blocks,
        )
