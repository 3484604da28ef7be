"""The ingester's settings: one object, built at the process's edge and passed in."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cairn.chain import FeePolicy
from cairn.errors import CairnError
from cairn.settings import ConnectionSettings, variables_of


class IngestError(CairnError):
    """A setting or a state in which the ingester cannot work."""


class IngestSettings(ConnectionSettings):
    """Read from `CAIRN_INGEST_*`. Account and alliance have no default."""

    model_config = SettingsConfigDict(
        env_prefix="CAIRN_INGEST_",
        alias_generator=variables_of("CAIRN_INGEST_"),
        extra="forbid",
        frozen=True,
        populate_by_name=True,
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

    def fee_policy(self) -> FeePolicy:
        return FeePolicy(
            least_tip_wei=self.least_tip_wei,
            cap_wei=self.max_fee_wei,
            replace_after_blocks=self.replace_after_blocks,
        )
