"""A Kubo node for tests and benchmarks: on loopback, offline, with a repo of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
READY_S = 60
COMMAND_S = 600

# As Cairn cuts files; said in full, since Kubo's own defaults change between releases.
ADD_OPTIONS = (
    "--quieter",
    "--cid-version=1",
    "--raw-leaves",
    "--chunker=size-262144",
    "--max-file-links=174",
)


class KuboMissing(Exception):
    """There is no `ipfs` binary."""


def find_kubo() -> Path:
    """The binary that tools/kubo/build.sh made, else the one on PATH."""
    built = REPOSITORY / ".tools" / "bin" / "ipfs"
    if built.is_file():
        return built
    found = shutil.which("ipfs")
    if found is None:
        raise KuboMissing("no Kubo at hand: build it with 'make kubo', or put 'ipfs' on PATH")
    return Path(found)


class Kubo:
    """One node: its repo, its command line, and its daemon, which may be killed and restarted."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._log = folder / "daemon.log"
        self._daemon: subprocess.Popen[bytes] | None = None
        self.repo = folder / "repo"
        self.api_port = _free_port()
        self.run("init", "--profile=test", "--empty-repo")
        self.run("config", "Addresses.API", f"/ip4/127.0.0.1/tcp/{self.api_port}")
        self.run("config", "Addresses.Gateway", "")
        self.run("config", "--json", "Addresses.Swarm", "[]")
        self.run("bootstrap", "rm", "--all")

    @property
    def api(self) -> str:
        """The multiaddr of the daemon's API."""
        return f"/ip4/127.0.0.1/tcp/{self.api_port}/http"

    def run(self, *args: str | Path, to_nowhere: bool = False) -> str:
        """Run `ipfs` with these arguments; through the daemon if it is up."""
        done = subprocess.run(
            [self._binary, *args],
            env=self._environment(),
            check=False,
            stdout=subprocess.DEVNULL if to_nowhere else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=COMMAND_S,
        )
        if done.returncode != 0:
            raise RuntimeError(f"ipfs {args[0]} failed: {done.stderr}")
        return (done.stdout or "").strip()

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        with self._log.open("wb") as log:
            self._daemon = subprocess.Popen(
                [self._binary, "daemon", "--offline"],
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._daemon.stdout is not None
        watchdog = threading.Timer(READY_S, self._daemon.kill)
        watchdog.start()
        try:
            for line in self._daemon.stdout:
                if b"Daemon is ready" in line:
                    return
        finally:
            watchdog.cancel()
        raise RuntimeError(f"Kubo did not start: {self._log.read_text()}")

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        if self._daemon is not None:
            self._daemon.kill()
            self._reap()

    def stop(self) -> None:
        """End the daemon as it wants to be ended."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._reap()

    def _reap(self) -> None:
        assert self._daemon is not None
        self._daemon.communicate(timeout=READY_S)
        self._daemon = None

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "IPFS_PATH": str(self.repo), "IPFS_TELEMETRY": "off"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
