"""A process that adds content to an embedded store; run by the tests, killed by one of them."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from cairn.storage import EmbeddedStore


def add_many(store: EmbeddedStore, seed: int) -> None:
    """Print each CID once its content is added."""
    source = random.Random(seed)
    for _ in range(6):
        print(store.add(source.randbytes(300_000)), flush=True)
        print(store.add(b"the same in every process"), flush=True)


def die_while_adding(store: EmbeddedStore, size: int) -> None:
    """Be killed when the second block has its name and the third does not."""
    left = iter(range(2))
    replace = os.replace

    def dying(scratch: Path, path: Path) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(scratch, path)

    os.replace = dying  # type: ignore[assignment]
    store.add(random.Random(7).randbytes(size))


if __name__ == "__main__":
    act = {"add": add_many, "die": die_while_adding}[sys.argv[2]]
    act(EmbeddedStore(Path(sys.argv[1])), int(sys.argv[3]))
