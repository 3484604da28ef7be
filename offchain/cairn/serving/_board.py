"""The models in memory, kept in step with the registry by a background task.

Request handlers only read what lies here; every call of the chain or the store is made by `run`,
in threads of its own, under time-outs. Versions are loaded beside it, each in a task of its own:
one that takes long, or never comes, keeps no other model's terms from being read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from cairn.errors import CairnError
from cairn.serving._catalog import ModelCatalog, Offer
from cairn.serving._errors import NotReady, UnknownModel
from cairn.serving._loading import Decoder, LoadedModel, load
from cairn.serving._settings import ServingSettings

_T = TypeVar("_T")

REGISTRY_THREADS = 4
LOADING_THREADS = 8
"""So many loads may hang before others wait for them; the registry is read in any case."""

_log = logging.getLogger("cairn.serving.board")


@dataclass
class _Slot:
    """One model: what is served of it, and what the registry last said; times by the board."""

    loaded: LoadedModel | None = None
    wanted: Offer | None = None  # what the terms in force name; None: not for sale
    seen_at: float | None = None  # when the registry last answered
    superseded_at: float | None = None  # when the terms left what is loaded
    problem: str | None = None  # why `wanted` is not loaded

    def is_current(self) -> bool:
        """Whether what is loaded is the program that is wanted."""
        return (
            self.loaded is not None
            and self.wanted is not None
            and _same_program(self.loaded.offer, self.wanted)
        )


class ModelBoard:
    """Which version of which model is served now."""

    def __init__(
        self,
        catalog: ModelCatalog,
        settings: ServingSettings,
        decode: Decoder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.chain_id: int | None = None
        self.chain_time = 0  # the newest block's, when the registry was last read
        self._catalog = catalog
        self._settings = settings
        self._decode = decode
        self._clock = clock
        self._slots: dict[int, _Slot] = {}
        self._questions = ThreadPoolExecutor(REGISTRY_THREADS, thread_name_prefix="registry")
        self._loaders = ThreadPoolExecutor(LOADING_THREADS, thread_name_prefix="load")
        self._loads: dict[int, asyncio.Task[None]] = {}
        self._stuck: dict[str, Future[object]] = {}
        self._read = asyncio.Event()
        self._problem: str | None = "the registry was not read yet; ask again in a moment"

    # --- read by request handlers ------------------------------------------------------------

    def names(self) -> list[str]:
        """The names of the models that are for sale, by id."""
        return [slot.wanted.name for _, slot in sorted(self._slots.items()) if slot.wanted]

    def find(self, name: str, version: str | None = None) -> LoadedModel:
        """The loaded model that a URL means: a registry id, or a name that only one model bears.

        `version` is a number or an alias. Raises UnknownModel or NotReady with the reason.
        """
        model_id = self._resolve(name)
        slot = self._slots[model_id]
        if slot.seen_at is None or slot.wanted is None:
            if slot.seen_at is None:
                raise NotReady(f"model {name}: {slot.problem or 'the registry was not read yet'}")
            raise UnknownModel(f"model {name} is not for sale: the registry names no terms for it")
        self._check_version(slot.wanted, slot.loaded, version)
        now = self._clock()
        unseen_s = now - slot.seen_at
        if unseen_s > self._settings.max_staleness_s:
            raise NotReady(
                f"model {name}: the registry has not answered for {unseen_s:.0f} s, so its terms "
                "may have changed; ask again when the chain can be reached"
            )
        if slot.loaded is None:
            raise NotReady(f"model {name}: {slot.problem or 'its program is being loaded'}")
        if (
            slot.superseded_at is not None
            and now - slot.superseded_at > self._settings.reload_grace_s
        ):
            raise NotReady(
                f"model {name}: version {slot.wanted.version}, which terms {slot.wanted.terms_id} "
                f"name, is not loaded: {slot.problem or 'it is still being fetched'}"
            )
        return slot.loaded

    def not_ready(self) -> str | None:
        """Why the server is not ready; None if every model that is for sale can be asked."""
        if self._problem is not None:
            return self._problem
        for model_id, slot in sorted(self._slots.items()):
            if slot.seen_at is not None and slot.wanted is None:
                continue
            try:
                self.find(str(model_id))
            except CairnError as error:
                return str(error)
        return None

    def _resolve(self, name: str) -> int:
        if name.isascii() and name.isdigit():
            model_id = int(name) if len(name) <= 78 else 0
            if model_id in self._slots:
                return model_id
        else:
            found = [
                i for i, slot in self._slots.items() if slot.wanted and slot.wanted.name == name
            ]
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(str(i) for i in sorted(found))
                raise UnknownModel(f"several models are called {name}: ask by id, one of {ids}")
        if self._problem is not None:
            raise NotReady(f"model {name}: {self._problem}")
        offered = ", ".join(f"{i}" for i in sorted(self._slots)) or "none"
        raise UnknownModel(f"model {name} is not served here; models served, by id: {offered}")

    @staticmethod
    def _check_version(wanted: Offer, loaded: LoadedModel | None, version: str | None) -> None:
        if version is None:
            return
        serving = loaded.offer if loaded is not None else wanted
        if version == str(serving.version) or serving.aliases.get(version) == serving.version:
            return
        alias = serving.aliases.get(version)
        asked = version if alias is None else f"{version} (version {alias})"
        raise UnknownModel(
            f"model {serving.name} serves version {serving.version}, which terms "
            f"{serving.terms_id} name, not {asked}"
        )

    # --- the background task -----------------------------------------------------------------

    async def run(self) -> None:
        """Follow the registry until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:  # noqa: BLE001
                # The task's edge: a defect must not end it silently, or terms would go stale.
                _log.exception("following the registry failed; trying again")
            await asyncio.sleep(self._settings.poll_s)

    async def wait_until_read(self, timeout_s: float) -> bool:
        """Wait until the registry was asked once, and what it named then was loaded, however that
        went; False if it takes longer.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._read.wait()
                await self.wait_for_loads()
        except TimeoutError:
            return False
        return True

    async def wait_for_loads(self) -> None:
        """Wait until no version is being loaded."""
        while self._loads:
            await asyncio.wait(set(self._loads.values()))

    async def refresh(self) -> None:
        """Ask the registry once for every model, and begin to load what its terms name.

        A registry or a store that fails is no error here: what is served says so.
        """
        try:
            await self._refresh()
        finally:
            self._read.set()

    async def _refresh(self) -> None:
        try:
            chain_id, chain_time, ids = await self._ask_registry("models", self._which)
        except CairnError as error:
            self._say(f"the registry could not be read: {error}")
            return
        self.chain_id, self.chain_time = chain_id, chain_time
        for model_id in ids:
            self._slots.setdefault(model_id, _Slot())
        for gone in set(self._slots) - set(ids):
            del self._slots[gone]
            if gone in self._loads:
                self._loads[gone].cancel()
        await asyncio.gather(*(self._follow(model_id) for model_id in ids))
        self._problem = None

    def close(self) -> None:
        """Let go of the threads; a call that is under way ends by its own time-out."""
        for load_task in self._loads.values():
            load_task.cancel()
        for pool in (self._questions, self._loaders):
            pool.shutdown(wait=False, cancel_futures=True)

    def _which(self) -> tuple[int, int, list[int]]:
        ids = self._settings.model_ids()
        if ids is None:
            ids = tuple(self._catalog.model_ids())
            if len(ids) > self._settings.max_models:
                _log.warning(
                    "the registry has more models than CAIRN_SERVE_MAX_MODELS; the newest are "
                    "left out: name those to serve by CAIRN_SERVE_MODELS",
                    extra={"fields": {"models": len(ids), "max": self._settings.max_models}},
                )
            ids = ids[: self._settings.max_models]
        return self._catalog.chain_id, self._catalog.chain_time(), list(ids)

    async def _follow(self, model_id: int) -> None:
        slot = self._slots[model_id]
        try:
            offer = await self._ask_registry(
                f"offer {model_id}", lambda: self._catalog.offer(model_id)
            )
        except CairnError as error:
            slot.problem = f"its terms could not be read: {error}"
            _log.warning(slot.problem, extra={"fields": {"model_id": model_id}})
            return
        slot.wanted, slot.seen_at = offer, self._clock()
        if offer is None:
            slot.loaded = slot.superseded_at = slot.problem = None
            return
        if slot.loaded is not None and slot.is_current():
            # New terms for the same program: nothing to fetch.
            slot.loaded = slot.loaded.under(offer)
            slot.superseded_at = slot.problem = None
            return
        if slot.loaded is not None and slot.superseded_at is None:
            slot.superseded_at = self._clock()
        if model_id not in self._loads:
            task = asyncio.create_task(self._load(model_id, slot))
            self._loads[model_id] = task
            task.add_done_callback(lambda _: self._loads.pop(model_id))

    async def _load(self, model_id: int, slot: _Slot) -> None:
        """Load what a slot wants, and again if it wants another by then."""
        try:
            while slot.wanted is not None and not slot.is_current():
                offer = slot.wanted
                loaded = await self._ask(
                    f"load {model_id}",
                    partial(load, self._catalog, offer, self._decode),
                    self._loaders,
                    self._settings.load_timeout_s,
                )
                if slot.wanted is not None and _same_program(slot.wanted, offer):
                    slot.loaded = loaded.under(slot.wanted)
                    slot.superseded_at = slot.problem = None
                    _log.info("a version is served", extra={"fields": _fields(slot.wanted)})
        except CairnError as error:
            slot.problem = str(error)
            _log.warning(
                "a version was not loaded",
                extra={"fields": {**_fields(offer), "reason": slot.problem}},
            )
        except Exception as error:  # noqa: BLE001
            # The task's edge: a defect must not end it silently.
            slot.problem = f"loading it failed: {type(error).__name__}: {error}"
            _log.exception("a version was not loaded", extra={"fields": _fields(offer)})

    async def _ask_registry(self, what: str, call: Callable[[], _T]) -> _T:
        return await self._ask(what, call, self._questions, self._settings.registry_timeout_s)

    async def _ask(
        self, what: str, call: Callable[[], _T], pool: ThreadPoolExecutor, timeout_s: float
    ) -> _T:
        """Run a blocking call in a thread; raise CairnError when it takes too long.

        A thread cannot be stopped: while one hangs in a question, the question is not put again.
        """
        stuck = self._stuck.get(what)
        if stuck is not None and not stuck.done():
            raise CairnError(f"the last try ({what}) has not come back yet")
        future = pool.submit(call)
        self._stuck[what] = future  # type: ignore[assignment]
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), timeout_s)
        except TimeoutError:
            raise CairnError(f"no answer within {timeout_s:g} s ({what})") from None
        except CairnError:
            raise
        except (OSError, ValueError, ArithmeticError, LookupError) as error:
            # A client library's own complaint: the task must outlive it, and say what it was.
            raise CairnError(f"{what} failed: {type(error).__name__}: {error}") from error

    def _say(self, problem: str) -> None:
        self._problem = problem
        _log.warning(problem)


def _same_program(a: Offer, b: Offer) -> bool:
    return (a.program_hash, a.schema_hash) == (b.program_hash, b.schema_hash)


def _fields(offer: Offer) -> dict[str, object]:
    return {
        "model_id": offer.model_id,
        "model": offer.name,
        "version": offer.version,
        "terms_id": offer.terms_id,
        "program_hash": "0x" + offer.program_hash.hex(),
    }
