"""A PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration._support import LOOPBACK, free_port


def program(name: str) -> str:
    folders = [os.environ["PATH"], *(str(p) for p in Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(folders))
    assert found is not None, f"{name} is not there: apt-get install postgresql"
    return found


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The URL of an empty database. The server refuses to be root's, so root lends it to nobody."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        user: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data, port = Path(folder) / "data", free_port()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        words = [program("initdb"), "-D", str(data), "-U", "cairn", "-A", "trust", "-N"]
        subprocess.run(words, check=True, **quiet, **user)  # type: ignore[call-overload]
        server = subprocess.Popen(  # type: ignore[call-overload]
            [program("postgres"), "-D", str(data), "-h", LOOPBACK, "-p", str(port), "-k", folder],
            **quiet,
            **user,
        )
        ready = [program("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port), "-t", "1"]
        for _ in range(600):
            if subprocess.run(ready).returncode == 0:
                break
            assert server.poll() is None, "PostgreSQL ended before it was ready"
            threading.Event().wait(0.05)
        yield f"postgresql+psycopg://cairn@{LOOPBACK}:{port}/postgres"
        server.send_signal(signal.SIGINT)  # SIGTERM would wait for whoever is still connected
        server.wait(60)
