"""Ctrl-C in the middle of the story ends all that it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
OPERATOR_RUNS = "the worker runs as its own process"


@pytest.mark.slow
def test_demo__ctrl_c__leaves_nothing_running():
    demo = subprocess.Popen(
        [Path(sys.executable).with_name("ape"), "run", "demo"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        told = []
        for line in demo.stdout:
            told.append(line)
            if OPERATOR_RUNS in line:
                break
        assert OPERATOR_RUNS in told[-1], "".join(told)
        children = psutil.Process(demo.pid).children(recursive=True)
        names = {" ".join(child.cmdline()) for child in children}
        assert any("anvil" in name for name in names)
        assert any("operator run" in name for name in names)

        # A terminal's Ctrl-C reaches the whole foreground group.
        os.killpg(demo.pid, signal.SIGINT)
        demo.communicate(timeout=60)

        assert demo.returncode != 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert [process.cmdline() for process in alive] == []
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
