"""Where the index is, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cairn.catalog._follow import Follower, Sources
from cairn.catalog._queries import Catalog
from cairn.chain import Store, StoreBusy, System
from cairn.settings import ConnectionSettings, variables_of


class CatalogSettings(ConnectionSettings):
    """Read from `CAIRN_CATALOG_*`; what every command connects to, from `CAIRN_*` too."""

    model_config = SettingsConfigDict(
        env_prefix="CAIRN_CATALOG_",
        alias_generator=variables_of("CAIRN_CATALOG_"),
        extra="forbid",
        frozen=True,
        populate_by_name=True,
    )

    database: str = Field(
        default="sqlite:///var/catalog.db",
        description="SQLAlchemy's URL of the index; it may be deleted.",
    )


@contextmanager
def open_catalog(settings: CatalogSettings, system: System) -> Iterator[Catalog]:
    """The index, brought up to date first; as it is, if another process does that just now."""
    store = Store(settings.database)
    try:
        with suppress(StoreBusy):
            Follower(store, Sources.of(system)).sync()
        yield Catalog(store)
    finally:
        store.close()
