"""The server's settings: one object, built at the process's edge and passed in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServingSettings(BaseSettings):
    """Read from `CAIRN_SERVE_*`; every limit has a default, access has none but refusal."""

    model_config = SettingsConfigDict(env_prefix="CAIRN_SERVE_", extra="forbid", frozen=True)

    access: Literal["closed", "open"] = Field(
        default="closed",
        description="Who may ask. `closed` refuses everybody; `open` answers everybody, unpaid.",
    )
    account: str | None = Field(
        default=None,
        description="The operator's Ape account alias, which signs receipts; or TEST::n on a "
        "development chain of this machine. None: answers are not signed.",
    )
    passphrase_file: Path | None = Field(
        default=None,
        description="A file with the account's passphrase, which nobody else may read; else it is "
        "taken from APE_ACCOUNTS_<alias>_PASSPHRASE.",
    )
    models: str = Field(
        default="all", description="Which models to serve: `all`, or registry ids such as `1,4`."
    )
    host: str = "127.0.0.1"
    port: int = Field(default=8690, ge=0, le=65535)
    max_models: int = Field(
        default=64,
        ge=1,
        description="Most models held in memory; of `all`, the newest are left out.",
    )
    max_connections: int = Field(
        default=256, ge=1, description="Connections beyond so many are answered by 503 at once."
    )
    max_body_bytes: int = Field(
        default=1 << 20, ge=1, description="Most bytes of one request body."
    )
    max_rows: int = Field(default=1024, ge=1, description="Most rows of one request.")
    inline_bytes: int = Field(
        default=16 << 10, ge=0, description="Larger bodies are worked on in a thread."
    )
    inline_words: int = Field(
        default=256,
        ge=0,
        description="So are requests of programs larger than so many words of 32 bytes.",
    )
    body_timeout_s: float = Field(
        default=10.0, gt=0, description="How long a body may take to arrive."
    )
    poll_s: float = Field(
        default=5.0, gt=0, description="How often the registry is asked for its terms."
    )
    registry_timeout_s: float = Field(
        default=10.0, gt=0, description="How long one such question may take."
    )
    load_timeout_s: float = Field(
        default=60.0, gt=0, description="How long fetching a program may take."
    )
    max_staleness_s: float = Field(
        default=60.0,
        gt=0,
        description="Terms older than this are not served: the chain is out of sight.",
    )
    reload_grace_s: float = Field(
        default=30.0,
        ge=0,
        description="How long superseded terms are still served while a version loads.",
    )
    start_wait_s: float = Field(
        default=10.0,
        ge=0,
        description="How long a starting server waits to have read the registry.",
    )
    drain_s: int = Field(
        default=10, ge=0, description="How long a stopping server finishes its requests."
    )

    @field_validator("models")
    @classmethod
    def _models_are_ids(cls, value: str) -> str:
        parts = [part.strip() for part in value.split(",")]
        if value.strip() != "all" and not all(
            part.isascii() and part.isdigit() and int(part) > 0 for part in parts
        ):
            raise ValueError("name models by registry id, such as `1,4`, or say `all`")
        return value.strip()

    @model_validator(mode="after")
    def _models_fit(self) -> Self:
        named = self.model_ids()
        if named is not None and len(named) > self.max_models:
            raise ValueError(
                f"models names {len(named)} models and max_models allows {self.max_models}: name "
                "fewer, or raise CAIRN_SERVE_MAX_MODELS"
            )
        return self

    def model_ids(self) -> tuple[int, ...] | None:
        """The ids to serve; None for every model of the registry."""
        if self.models == "all":
            return None
        return tuple(dict.fromkeys(int(part) for part in self.models.split(",")))
