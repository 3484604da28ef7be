"""What can be asked, and who answers for it: searched in an index of the chain."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from cairn.catalog import Catalog, Follower, Sources, model_row, provider_row, version_row
from cairn.chain import Store, StoreBusy
from cairn.errors import CairnError
from cairn.serving._errors import NotReady

_T = TypeVar("_T")

MOST_ROWS = 500

_log = logging.getLogger("cairn.serving.index")


class Index:
    """The catalog's index, which a thread of its own keeps in step with the chain.

    Request handlers read the database alone. An index that cannot be had keeps nobody from asking a
    model; while the chain is out of reach, what was read last is answered, with its block.
    """

    def __init__(self, open_store: Callable[[], Store], sources: Sources, poll_s: float) -> None:
        self._open_store = open_store
        self._sources = sources
        self._poll_s = poll_s
        self._store: Store | None = None
        self._is_read = threading.Event()
        self._stop = threading.Event()
        # It ends with the process: a sync that is cut short is taken up by the next one.
        self._thread = threading.Thread(target=self._follow, name="index", daemon=True)

    def start(self) -> None:
        """Begin to follow the chain."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer, once the page that is being read has been."""
        self._stop.set()

    def wait_until_read(self, timeout_s: float) -> bool:
        """Wait until the chain was read once; False if it takes longer."""
        return self._is_read.wait(timeout_s)

    def sync(self) -> None:
        """Read what is new. Raises CairnError, SQLAlchemyError; `StoreBusy` while another process does."""
        if self._store is None:
            self._store = self._open_store()
        Follower(self._store, self._sources).sync()
        self._is_read.set()

    def ask(self, question: Callable[[Catalog], _T]) -> tuple[_T, int]:
        """The answer, and the last block that it is of. Raises NotReady before the chain was read."""
        if self._store is None or not self._is_read.is_set():
            raise NotReady("the index of the registry is being made; ask again in a moment")
        catalog = Catalog(self._store)
        up_to = catalog.next_block() - 1
        try:
            return question(catalog), up_to
        except SQLAlchemyError as error:
            raise NotReady("the index cannot be read; ask again in a moment") from error

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self.sync()
            except StoreBusy:
                pass  # another process brings it up to date
            except (CairnError, SQLAlchemyError, OSError) as error:
                _log.warning("the index was not brought up to date: %s", error)
            except Exception:  # noqa: BLE001
                # The thread's edge: a defect must not end it silently.
                _log.exception("the index was not brought up to date")
            self._stop.wait(self._poll_s)
        if self._store is not None:
            self._store.close()


Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, Query(ge=0)]
ModelId = Annotated[int, Query(ge=1, lt=2**256)]


def catalog_routes(index: Index) -> APIRouter:
    """`/catalog`: the same searches, with the same rows, as `cairn models|versions|providers search`."""
    router = APIRouter(prefix="/catalog", tags=["catalog"])

    async def answer(
        name: str,
        question: Callable[[Catalog], list[Any]],
        row: Callable[[Any], dict[str, Any]],
        limit: int,
        offset: int,
    ) -> dict[str, Any]:
        found, up_to = await run_in_threadpool(index.ask, question)
        rows = [row(one) for one in found[offset : offset + limit]]
        return {"up_to_block": up_to, "found": len(found), name: rows}

    @router.get("/models")
    async def models(
        text: str | None = None,
        tag: Annotated[list[str] | None, Query()] = None,
        alliance: str | None = None,
        alias: str | None = None,
        provider: str | None = None,
        on_sale: bool | None = None,
        deprecated: bool | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        """Models by what is so now; all that is given must hold."""
        return await answer(
            "models",
            lambda catalog: catalog.models(
                text=text,
                tags=tag or (),
                alliance=alliance,
                alias=alias,
                provider=provider,
                on_sale=on_sale,
                deprecated=deprecated,
            ),
            model_row,
            limit,
            offset,
        )

    @router.get("/versions")
    async def versions(
        text: str | None = None,
        model: ModelId | None = None,
        alliance: str | None = None,
        alias: str | None = None,
        sold: bool | None = None,
        evaluated: bool | None = None,
        deprecated: bool | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        """Versions by what is so now; all that is given must hold."""
        return await answer(
            "versions",
            lambda catalog: catalog.versions(
                text=text,
                model_id=model,
                alliance=alliance,
                alias=alias,
                sold=sold,
                evaluated=evaluated,
                deprecated=deprecated,
            ),
            version_row,
            limit,
            offset,
        )

    @router.get("/providers")
    async def providers(
        model: ModelId | None = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        """Operators with stake, those with most first."""
        return await answer(
            "providers",
            lambda catalog: catalog.providers(model_id=model),
            provider_row,
            limit,
            offset,
        )

    return router
