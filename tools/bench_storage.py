"""How fast content is added, fetched and named, beside the `ipfs` command line on the same node.

    python tools/bench_storage.py [--size-mb 256] [--large-mb 1024] [--rounds 3]

Each figure is the best of the rounds; ours and the command line's take turns. The last line is the
same figures as JSON. Fetches end in /dev/null on both sides; adds read a file that lies in the page
cache, and are pinned.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cairn.domain.cid import Cid
from cairn.storage import ContentStore, EmbeddedStore, IpfsStore, file_cid

sys.path.insert(0, str(Path(__file__).parents[1]))

from tools.kubo_node import ADD_OPTIONS, Kubo, KuboMissing, find_kubo

MB = 1_000_000
CHUNK = 262_144

FETCH_AND_TELL_PEAK = """
import sys
from cairn.domain.cid import Cid
from cairn.storage import IpfsStore
with open("/dev/null", "wb") as nowhere:
    IpfsStore(sys.argv[1]).fetch_to(Cid.parse(sys.argv[2]), nowhere)
# Not getrusage: its figure begins with what the parent held when it forked.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mb", type=int, default=256)
    parser.add_argument("--large-mb", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        binary = find_kubo()
    except KuboMissing as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as name:
        kubo = Kubo(binary, Path(name))
        kubo.start()
        try:
            figures = measure(
                kubo, Path(name), options.size_mb * MB, options.large_mb * MB, options.rounds
            )
        finally:
            kubo.stop()
    table = Table("figure", "value")
    for key, value in figures.items():
        table.add_row(key, f"{value:,}")
    Console().print(table)
    print(json.dumps(figures))
    return 0


def measure(kubo: Kubo, folder: Path, size: int, large: int, rounds: int) -> dict[str, float]:
    store, embedded = IpfsStore(kubo.api), EmbeddedStore(folder / "store")
    best: dict[str, float] = {}

    def timed(key: str, act: Callable[..., object], *args: object) -> None:
        start = time.perf_counter()
        act(*args)
        best[key] = max(best.get(key, 0.0), size / MB / (time.perf_counter() - start))

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("storage", total=rounds + 1)
        for number in range(rounds):
            # A file of its own for each add: a node that has the blocks already does less.
            ours, theirs = folder / "ours", folder / "theirs"
            for path in (ours, theirs):
                with path.open("wb") as file:
                    for at in range(0, size, MB):
                        file.write(os.urandom(min(MB, size - at)))
            cid = file_cid(ours)
            timed("cid_MBps", file_cid, ours)
            timed("kubo_add_MBps", store.add, ours)
            timed("cli_add_MBps", kubo.run, "add", *ADD_OPTIONS, theirs)
            timed("embedded_add_MBps", embedded.add, ours)
            for _ in range(2):
                timed("kubo_fetch_MBps", fetch_to_nowhere, store, cid)
                timed("cli_fetch_MBps", cat_to_nowhere, kubo, cid)
                timed("embedded_fetch_MBps", fetch_to_nowhere, embedded, cid)
            for holder in (store, embedded):
                holder.unpin(cid)
            embedded.collect()
            progress.update(task, completed=number + 1)
        peak = peak_rss_mb(kubo, store, folder, large)
        progress.update(task, completed=rounds + 1)
    store.close()
    return {
        "kubo_add_over_cli": round(best["kubo_add_MBps"] / best["cli_add_MBps"], 3),
        "kubo_verified_fetch_over_cli": round(best["kubo_fetch_MBps"] / best["cli_fetch_MBps"], 3),
        "fetch_peak_rss_MB_for_1GB": round(peak, 1),
        **{key: round(value, 1) for key, value in sorted(best.items())},
    }


def fetch_to_nowhere(store: ContentStore, cid: Cid) -> None:
    with open("/dev/null", "wb") as nowhere:
        store.fetch_to(cid, nowhere)


def cat_to_nowhere(kubo: Kubo, cid: Cid) -> None:
    kubo.run("cat", str(cid), to_nowhere=True)


def peak_rss_mb(kubo: Kubo, store: IpfsStore, folder: Path, size: int) -> float:
    """The most memory that a process held that does nothing but fetch a file of this size."""
    path = folder / "large"
    with path.open("wb") as file:
        file.truncate(size)
        for at in range(0, size, CHUNK):
            file.seek(at)
            file.write((at + 1).to_bytes(8, "little")[: size - at])
    cid = store.add(path)
    told = subprocess.run(
        [sys.executable, "-c", FETCH_AND_TELL_PEAK, kubo.api, str(cid)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return int(told.stdout) * 1024 / MB


if __name__ == "__main__":
    sys.exit(main())
