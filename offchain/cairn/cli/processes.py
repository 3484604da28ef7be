"""Start the programs of a local run, and end exactly those, whatever happens in between.

Every program runs in a session of its own and carries a token in its environment, which its children inherit:
what is ended is what has the token, never what merely has a pid that was written down once.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import psutil

from cairn.errors import CairnError

LOOPBACK = "127.0.0.1"
TOKEN_VARIABLE = "CAIRN_RUN_TOKEN"
# How long a program may take to end when asked, before it is killed.
GRACE_S = 5.0
POLL_S = 0.05
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ProcessError(CairnError):
    """A program of the local run could not be started or did not get ready."""


@dataclass(frozen=True)
class Program:
    """What to start: it is ready once its port accepts a connection, or at once if it has none."""

    name: str  # names its log and its pid file
    command: Sequence[str | Path]
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)  # on top of ours
    ready_s: float = 30.0  # how long it may take


@dataclass(frozen=True)
class Running:
    """A program that was left running, as its pid file tells."""

    name: str
    pid: int
    token: str
    port: int | None
    log: Path


class Processes:
    """The programs of one run. On leaving the block all of them are ended, unless `keep` was called.

    In the main thread SIGINT, SIGTERM and SIGHUP leave the block too, as KeyboardInterrupt or SystemExit.
    """

    def __init__(self, var: Path, grace_s: float = GRACE_S) -> None:
        self._logs = var / "log"
        self._run = var / "run"
        self._grace_s = grace_s
        self._token = secrets.token_hex(16)
        self._started: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}
        self._handlers: dict[int, Any] = {}
        self._critical = False
        self._pending: int | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.getsignal(number) for number in SIGNALS}
            for number in SIGNALS:
                signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not cut the ending short; it has a bound of its own.
        self._critical = True
        try:
            self.stop()
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self._pending is not None and error is None:
            _leave(self._pending)

    def start(self, program: Program) -> int:
        """Start a program and wait until it is ready. Returns its pid.

        Raises:
            ProcessError: its port is taken, it cannot be run, ended at once, or did not get ready.
        """
        if program.name in self._started:
            raise ProcessError(f"{program.name} is running already in this run")
        if program.port is not None and not is_free(program.port):
            raise ProcessError(
                f"port {program.port}, which {program.name} wants, is taken: "
                "end what listens there, or choose another port"
            )
        self._logs.mkdir(parents=True, exist_ok=True)
        with self._no_interruption():
            process = self._spawn(program)
            self._started[program.name] = (program, process)
        self._wait_ready(program, process)
        return process.pid

    def check(self) -> None:
        """Raise ProcessError if one of the programs has ended by itself."""
        for program, process in self._started.values():
            if process.poll() is not None:
                raise ProcessError(f"{program.name} ended{self._why(program, process)}")

    def keep(self) -> list[Running]:
        """Leave the programs running after the block, each with a pid file for `stop_kept`."""
        self.check()
        self._run.mkdir(parents=True, exist_ok=True)
        kept = []
        with self._no_interruption():
            for program, process in self._started.values():
                running = Running(
                    program.name, process.pid, self._token, program.port, self._log(program)
                )
                _write(self._run, running)
                kept.append(running)
            self._started.clear()
        return kept

    def stop(self) -> None:
        """End all programs and their children, the last started first."""
        for program, process in reversed(self._started.values()):
            _end(partial(_own_members, f"{self._token}:{program.name}", process), self._grace_s)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._grace_s)
        self._started.clear()

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        # A run within a run carries both tokens, so that the outer one can end what the inner one lost.
        tokens = [os.environ.get(TOKEN_VARIABLE), f"{self._token}:{program.name}"]
        env = {**os.environ, **program.env, TOKEN_VARIABLE: "/".join(filter(None, tokens))}
        with open(self._log(program), "wb") as log:
            try:
                return subprocess.Popen(
                    [str(word) for word in program.command],
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ProcessError(
                    f"{program.name} cannot be started: {program.command[0]}: {error.strerror}"
                ) from error

    def _wait_ready(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + program.ready_s
        while program.port is not None and not _accepts(program.port):
            if process.poll() is not None:
                raise ProcessError(
                    f"{program.name} ended before it was ready{self._why(program, process)}"
                )
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"{program.name} was not ready within {program.ready_s:g} s"
                    f"{self._why(program, process)}"
                )
            time.sleep(POLL_S)

    def _why(self, program: Program, process: subprocess.Popen[bytes]) -> str:
        log = self._log(program)
        said = log.read_text(errors="replace").strip().splitlines()[-5:]
        code = f" with code {process.returncode}" if process.returncode is not None else ""
        return f"{code}; {log} ends: " + (" | ".join(said) or "(nothing)")

    def _log(self, program: Program) -> Path:
        return self._logs / f"{program.name}.log"

    @contextlib.contextmanager
    def _no_interruption(self) -> Iterator[None]:
        """Hold a signal back until what was started is on the list of what is to be ended."""
        self._critical = True
        try:
            yield
        finally:
            self._critical = False
            if self._pending is not None:
                number, self._pending = self._pending, None
                _leave(number)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._critical:
            self._pending = number
        else:
            self._critical = True
            _leave(number)


def running(var: Path) -> list[Running]:
    """The programs that were left running by `Processes.keep` and still run."""
    found = []
    for path in sorted((var / "run").glob("*.pid")):
        try:
            record = json.loads(path.read_text())
            kept = Running(**{**record, "log": Path(record["log"])})
        except (ValueError, TypeError, KeyError):
            continue
        if _members(f"{kept.token}:{kept.name}"):
            found.append(kept)
    return found


def stop_kept(var: Path, grace_s: float = GRACE_S) -> list[str]:
    """End the programs that were left running, the ones with a pid file and no other. Returns their names."""
    ended = []
    for kept in reversed(running(var)):
        _end(partial(_members, f"{kept.token}:{kept.name}"), grace_s)
        ended.append(kept.name)
    for path in (var / "run").glob("*.pid"):
        path.unlink(missing_ok=True)
    return ended


def local_chain(port: int, chain_id: int = 4690, extra: Sequence[str] = ()) -> Program:
    """Anvil with IoTeX's chain id and rules, on loopback; the accounts of the development mnemonic.

    Raises:
        ProcessError: anvil is not installed.
    """
    words = f"--host {LOOPBACK} --port {port} --chain-id {chain_id} --hardfork cancun".split()
    return Program("chain", [_anvil(), *words, *extra], port=port)


def free_port(preferred: int = 0) -> int:
    """The preferred port of the loopback address if nobody has it, else one that is free now."""
    if preferred and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a program could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _anvil() -> Path:
    found = shutil.which("anvil")
    if found is None:
        raise ProcessError("anvil is not on the path: run `make setup`, and this through make")
    real = Path(found).resolve()
    # npm's is a script of Node's that runs the binary of another package: run that one itself.
    binaries = sorted(real.parent.parent.glob("anvil-*/bin/anvil")) if real.suffix == ".mjs" else []
    return binaries[0] if binaries else Path(found)


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


def _leave(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _own_members(token: str, leader: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The live processes that carry the token, or belong to the leader's group.

    Its pid names the group as long as nobody has waited for it: while it lives, or is a zombie. After
    that the system may give the number to somebody else's group, and only the token tells.
    """
    return _members(token, leader.pid if leader.returncode is None else None)


def _members(token: str, group: int | None = None) -> list[psutil.Process]:
    """The live processes that carry the token, or belong to the group if one is given, and their
    descendants: a process that is just being started shows no environment for a moment.
    """
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if os.getpgid(process.pid) == group or token in _tokens(process):
                found.add(process)
                found.update(process.children(recursive=True))
    return list(found)


def _tokens(process: psutil.Process) -> list[str]:
    return process.environ().get(TOKEN_VARIABLE, "").split("/")


def _end(members: Callable[[], list[psutil.Process]], grace_s: float) -> None:
    """Ask, wait, then kill; again until none is left, since a dying process may still start one."""
    for ask in (psutil.Process.terminate, psutil.Process.kill, psutil.Process.kill):
        alive = members()
        if not alive:
            return
        for process in alive:
            with contextlib.suppress(psutil.Error):
                ask(process)
        # Looked at, not waited for: a leader that nobody has waited for keeps its group's number.
        give_up = time.monotonic() + grace_s
        while any(map(_is_alive, alive)) and time.monotonic() < give_up:
            time.sleep(POLL_S)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _write(folder: Path, kept: Running) -> None:
    record = {
        "name": kept.name,
        "pid": kept.pid,
        "token": kept.token,
        "port": kept.port,
        "log": str(kept.log),
    }
    (folder / f"{kept.name}.pid").write_text(json.dumps(record) + "\n")
