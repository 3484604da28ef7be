"""The worker's settings: one object, built at the process's edge and passed in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from cairn.chain import FeePolicy
from cairn.domain.answers import MAX_LEAVES
from cairn.settings import ConnectionSettings, variables_of


class Settings(ConnectionSettings):
    """Read from `CAIRN_OPERATOR_*`. Only the account has no default."""

    model_config = SettingsConfigDict(
        env_prefix="CAIRN_OPERATOR_",
        alias_generator=variables_of("CAIRN_OPERATOR_"),
        extra="forbid",
        frozen=True,
        populate_by_name=True,
    )

    account: str = Field(
        description="An Ape account's alias; or TEST::n on a development chain of this machine."
    )
    passphrase_file: Path | None = Field(
        None,
        description="A file that only its owner can read, or a systemd credential; else the "
        "passphrase is taken from APE_ACCOUNTS_<alias>_PASSPHRASE.",
    )
    database: str = Field(
        "sqlite:///var/operator.db", description="SQLAlchemy's URL of this operator's own database."
    )
    models: Annotated[tuple[int, ...], NoDecode] = Field(
        (), description="Ids such as `1,4`. Empty: each model that the account opted into."
    )

    standby: bool = Field(
        False, description="Wait while another process works for the account, then take over."
    )

    poll_interval_s: float = Field(
        1.0, gt=0, description="How long it rests between two rounds of work."
    )

    least_tip_wei: int = Field(
        0, ge=0, description="The least for each gas on top of the base fee."
    )
    max_fee_wei: int | None = Field(
        None, gt=0, description="The most for each gas; above it a stuck transaction waits."
    )
    replace_after_blocks: int = Field(
        6, gt=0, description="A transaction that waits for longer is sent with a higher fee."
    )

    deadline_margin_s: int = Field(
        5, ge=0, description="A request whose deadline is nearer than this is not answered."
    )
    courtesy_s: int = Field(
        30,
        ge=0,
        description="How long another's requests are left to him, and then to each before us.",
    )
    root_from: int = Field(
        8, ge=2, description="Fewest requests under the same terms that are answered by one root."
    )
    root_most: int = Field(256, ge=2, le=MAX_LEAVES, description="Most answers in one root.")
    root_delay_s: int = Field(
        2, ge=0, description="How long a root that is not full waits for more requests."
    )
    settle_batch: int = Field(
        32, ge=1, le=64, description="Most answers settled by one transaction."
    )
    settle_delay_s: int = Field(
        60, ge=0, description="How long an answer due for settling waits for others that will be."
    )
    retry_after_steps: int = Field(
        5, gt=0, description="Polls before a job that could not be done is tried again."
    )
    watch: Literal["none", "served", "all"] = Field(
        "served", description="Whose models' answers by other operators are checked."
    )
    challenge_at_a_loss: bool = Field(
        False, description="Challenge a wrong answer even if the bounty pays less than the gas."
    )
    watch_budget_wei: int = Field(
        10**19, ge=0, description="The most that challenges may cost in any 24 hours."
    )
    watch_max_fee_wei: int | None = Field(
        None, gt=0, description="The most for each gas of a challenge; above it, it waits."
    )
    withdraw_bounties_wei: int | None = Field(
        10**18, gt=0, description="Bounties are taken out once they are worth this much."
    )
    aggregate: bool = Field(True, description="Aggregate the rounds of the models served.")

    keep_ended_s: int = Field(
        30 * 86_400,
        ge=86_400,
        description="How long after its end a request stays in the database.",
    )

    content_check_interval_s: float = Field(
        86_400.0,
        ge=0,
        description="How often all content that the registry names is verified; 0 for never.",
    )
    content_check_most_mb: int = Field(
        1_024, gt=0, description="Content larger than this is not read; it counts as refused."
    )
    content_check_mb_per_s: float = Field(
        32.0, ge=2, description="The most that a check reads, so that it leaves room for the rest."
    )
    content_repair: Literal["none", "pinned", "all"] = Field(
        "pinned",
        description="What a check mends: nothing, what a store here pins, or all that is named.",
    )

    health_port: int | None = Field(
        None, ge=0, le=65535, description="Where /health and /metrics are served; none if unset."
    )
    health_host: str = Field("127.0.0.1", description="The address that they are served at.")
    max_step_age_s: float = Field(
        60.0, gt=0, description="Unhealthy once the last good round of work is older than this."
    )
    log_level: str = Field("INFO", description="The least that is logged.")

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    def fee_policy(self) -> FeePolicy:
        return FeePolicy(
            least_tip_wei=self.least_tip_wei,
            cap_wei=self.max_fee_wei,
            replace_after_blocks=self.replace_after_blocks,
        )
