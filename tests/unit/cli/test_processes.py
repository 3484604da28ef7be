"""What a local run starts is ended, all of it and nothing else."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from cairn.cli import processes as processes_module
from cairn.cli._processes import down
from cairn.cli.processes import (
    LOOPBACK,
    ProcessError,
    Processes,
    Program,
    free_port,
    is_free,
    local_chain,
    running,
    stop_kept,
)

# A program with a child in a session of its own: the kind that is easily left behind.
PARENT = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(child.pid, flush=True)
signal.pause()
"""

DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
import http.server
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler).serve_forever()
"""

# A program with a child that is deaf, has no token, and stays in the group.
STRIPPED = """
import signal, subprocess, sys
deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); signal.pause()"
child = subprocess.Popen([sys.executable, "-c", deaf], env={}, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""

# A run that starts a server and waits: what a demo looks like from outside.
RUN = """
import signal, sys
from pathlib import Path
from cairn.cli.processes import Processes, Program, free_port
with Processes(Path(sys.argv[1])) as processes:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    print(processes.start(Program("server", command, port=port)), flush=True)
    signal.pause()
"""


def server(name: str = "server") -> Program:
    port = free_port()
    words = f"-m http.server --bind {LOOPBACK} {port}".split()
    return Program(name, [sys.executable, *words], port=port)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def first_line(path: Path) -> str:
    """Wait for the program to have said something, by its log's growing."""
    with path.open() as log:
        while not (line := log.readline()).endswith("\n"):
            select.select([], [], [], 0.01)
    return line


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def test_start__port__is_ready_and_ended_at_the_end(tmp_path):
    program = server()
    with Processes(tmp_path) as processes:
        pid = processes.start(program)
        with socket.create_connection((LOOPBACK, program.port)):
            pass
    assert is_gone(pid)
    assert is_free(program.port)


def test_start__error_in_the_block__is_ended(tmp_path):
    with pytest.raises(ZeroDivisionError), Processes(tmp_path) as processes:
        pid = processes.start(server())
        _ = 1 // 0
    assert is_gone(pid)


def test_start__ends_at_once__says_why(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such chain')"]
    with (
        Processes(tmp_path) as processes,
        pytest.raises(ProcessError, match=r"chain ended .*code 1; .*no such chain"),
    ):
        processes.start(Program("chain", command, port=free_port()))


def test_start__never_ready__says_so_and_is_ended(tmp_path):
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with Processes(tmp_path) as processes:
        with pytest.raises(ProcessError, match=r"was not ready within 0\.1 s"):
            processes.start(Program("chain", command, port=free_port(), ready_s=0.1))
        _, process = processes._started["chain"]
    assert process.returncode is not None


def test_start__port_taken__says_so(tmp_path):
    with socket.socket() as taken, Processes(tmp_path) as processes:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        assert free_port(port) != port
        with pytest.raises(ProcessError, match=f"port {port}, which chain wants, is taken"):
            processes.start(Program("chain", [sys.executable], port=port))


def test_start__no_such_program__says_so(tmp_path):
    with (
        Processes(tmp_path) as processes,
        pytest.raises(ProcessError, match="chain cannot be started: /no/such"),
    ):
        processes.start(Program("chain", ["/no/such"]))


def test_stop__child_in_another_session__is_ended_too(tmp_path):
    with Processes(tmp_path) as processes:
        pid = processes.start(Program("parent", [sys.executable, "-c", PARENT]))
        child = int(first_line(tmp_path / "log" / "parent.log"))
        assert not is_gone(child)
    assert is_gone(pid)
    assert is_gone(child)


def test_stop__parent_killed__its_child_is_ended(tmp_path):
    with Processes(tmp_path) as processes:
        pid = processes.start(Program("parent", [sys.executable, "-c", PARENT]))
        child = int(first_line(tmp_path / "log" / "parent.log"))
        os.kill(pid, signal.SIGKILL)
    assert is_gone(child)


def test_stop__leader_reaped_and_its_number_reused__leaves_the_others_alone(tmp_path):
    """The leader ended and was waited for; its pid now names the group of somebody else."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with subprocess.Popen(command, start_new_session=True) as other:
        with Processes(tmp_path) as processes:
            pid = processes.start(Program("chain", command))
            _, process = processes._started["chain"]
            os.kill(pid, signal.SIGKILL)
            process.wait()
            process.pid = other.pid
        assert other.poll() is None
        other.kill()


def test_stop__leader_gone_first__those_of_its_group_without_the_token_are_ended(tmp_path):
    with Processes(tmp_path, grace_s=0.2) as processes:
        pid = processes.start(Program("parent", [sys.executable, "-c", STRIPPED]))
        child = int(first_line(tmp_path / "log" / "parent.log"))
    assert is_gone(pid)
    assert is_gone(child)


def test_stop__deaf_to_the_request__is_killed(tmp_path):
    port = free_port()
    with Processes(tmp_path, grace_s=0.1) as processes:
        pid = processes.start(Program("deaf", [sys.executable, "-c", DEAF, str(port)], port=port))
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_run__signal__leaves_nothing(tmp_path, number, code):
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        run.send_signal(number)
        run.wait(timeout=60)
    assert is_gone(pid)
    # Python turns an uncaught KeyboardInterrupt into death by SIGINT.
    assert run.returncode == (-signal.SIGINT if number == signal.SIGINT else code)


def test_signal__while_starting__is_held_back_until_on_the_list(tmp_path, monkeypatch):
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self.pid)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(processes_module.subprocess, "Popen", Popen)
    with pytest.raises(SystemExit), Processes(tmp_path) as processes:
        processes.start(Program("parent", [sys.executable, "-c", PARENT]))
    assert is_gone(started[0])


def test_keep__run_left__runs_on_until_stopped(tmp_path, bystander):
    with Processes(tmp_path) as processes:
        pid = processes.start(server("api"))
        (kept,) = processes.keep()
    assert not is_gone(pid)
    assert (kept.name, kept.pid) == ("api", pid)
    assert running(tmp_path) == [kept]
    assert stop_kept(tmp_path) == ["api"]
    assert is_gone(pid)
    assert bystander.poll() is None
    assert running(tmp_path) == []
    assert stop_kept(tmp_path) == []


def test_stop_kept__pid_is_now_somebody_elses__is_left_alone(tmp_path, bystander):
    folder = tmp_path / "run"
    folder.mkdir()
    record = {"name": "api", "pid": bystander.pid, "token": "00", "port": None, "log": "x"}
    (folder / "api.pid").write_text(json.dumps(record))
    assert stop_kept(tmp_path) == []
    assert bystander.poll() is None
    assert not list(folder.iterdir())


def test_down__run_left__ends_it(tmp_path):
    with Processes(tmp_path) as processes:
        pid = processes.start(server("api"))
        processes.keep()
    result = CliRunner().invoke(down, ["--var", str(tmp_path)])
    assert result.output == "api ended\n"
    assert is_gone(pid)
    assert CliRunner().invoke(down, ["--var", str(tmp_path)]).output == "nothing was running\n"


def test_check__ended_by_itself__says_so(tmp_path):
    with Processes(tmp_path) as processes:
        program = server()
        pid = processes.start(program)
        _, process = processes._started["server"]
        os.kill(pid, signal.SIGKILL)
        process.wait()
        with pytest.raises(ProcessError, match="server ended with code -9"):
            processes.check()


def test_local_chain__started__has_the_chain_id(tmp_path):
    from web3 import HTTPProvider, Web3

    port = free_port()
    with Processes(tmp_path) as processes:
        processes.start(local_chain(port))
        assert Web3(HTTPProvider(f"http://{LOOPBACK}:{port}")).eth.chain_id == 4690
    assert is_free(port)


def test_local_chain__no_anvil__says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProcessError, match="make setup"):
        local_chain(8545)
