"""Programs, fetched by CID, checked against the hash that the chain knows, and kept."""

from __future__ import annotations

from collections import OrderedDict

from cairn.operator._fetches import Fetches, StillFetching
from cairn.operator._ports import Content, OperatorError, ParseProgram, ProgramRunner

_MOST = 32  # programs kept in memory
_FETCHERS = 4


class Programs:
    """The newest programs in memory. A program runs only if its hash is the one asked for.

    Fetching goes on in the background: a store that hangs on some CIDs holds up the jobs that want
    those, and a step as a whole no longer than `patience_s`.
    """

    def __init__(self, content: Content, parse: ParseProgram, *, patience_s: float = 2.0) -> None:
        self._content = content
        self._parse = parse
        self._kept: OrderedDict[bytes, ProgramRunner] = OrderedDict()
        self._coming: Fetches[ProgramRunner] = Fetches(_FETCHERS, patience_s=patience_s)

    def new_step(self) -> None:
        """A step begins: it may wait anew, and ask again for what failed."""
        self._coming.new_step()

    def get(self, program_hash: bytes, cid: bytes) -> ProgramRunner:
        """Raises `CairnError` if it is not to be had yet, or is not what the chain says it is."""
        kept = self._kept.get(program_hash)
        if kept is not None:
            self._kept.move_to_end(program_hash)
            return kept
        self._coming.begin(program_hash, lambda: self._load(program_hash, cid))
        try:
            program = self._coming.get(program_hash)
        except StillFetching:
            raise OperatorError("its program is still being fetched") from None
        self._coming.drop(program_hash)
        self._kept[program_hash] = program
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return program

    def _load(self, program_hash: bytes, cid: bytes) -> ProgramRunner:
        program = self._parse(self._content.fetch(cid))
        if program.hash != program_hash:
            raise OperatorError(
                f"the program at CID 0x{cid.hex()} hashes to 0x{program.hash.hex()}, the version "
                f"says 0x{program_hash.hex()}: it is not run; tell the model's alliance"
            )
        return program

    def close(self) -> None:
        self._coming.close()
