"""Set up all that Cairn needs from its locks: nothing but Python, Node and make is asked for.

    python tools/setup.py [--dev] [--lint] [--force-compile]

Each part is stamped with what it was made from, so a second run takes no time, and a part whose set-up was
interrupted has no stamp and is made again. A part that is a link to somebody else's is left alone.
"""

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from _common import LINT, LOGS, NODE_MODULES, ROOT, VENV, ToolError, environment, run_tool, say

LOCKS = ROOT / "locks"
TOOLS = ROOT / ".tools" / "uv"
LOG = LOGS / "setup.log"
PYTHONS = ((3, 11), (3, 12))
NODE = 20


def main():
    parser = argparse.ArgumentParser(description="Set up Cairn's environments from its locks.")
    parser.add_argument(
        "--dev", action="store_true", help="also the packages that ours are compared with"
    )
    parser.add_argument("--lint", action="store_true", help="the linters' environment too")
    parser.add_argument(
        "--force-compile", action="store_true", help="compile though no contract changed"
    )
    arguments = parser.parse_args()
    check_machine()
    LOGS.mkdir(parents=True, exist_ok=True)
    with only_one():
        LOG.write_text("")
        set_up_python()
        if arguments.lint:
            set_up_lint()
        set_up_node(arguments.dev)
        compile_contracts(arguments.force_compile)


def check_machine():
    """Say what is missing before anything is begun."""
    here = sys.version_info[:2]
    if here not in PYTHONS:
        raise ToolError(
            f"Python {here[0]}.{here[1]} at {sys.executable} will not do: install Python 3.11 or 3.12"
        )
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise ToolError(
                f"this Python {here[0]}.{here[1]} lacks its {module} module: "
                f"install it (on Debian: apt-get install python{here[0]}.{here[1]}-venv)"
            )
    if not NODE_MODULES.is_symlink():
        check_node()


def check_node():
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise ToolError(f"node and npm are not on the path: install Node {NODE} or newer")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    try:
        major = int(version.lstrip("v").split(".")[0])
    except ValueError:
        raise ToolError(f"{node} does not run: install Node {NODE} or newer") from None
    if major < NODE:
        raise ToolError(f"Node {version} is too old: install Node {NODE} or newer")


@contextlib.contextmanager
def only_one():
    """Two set-ups at a time would tread on each other: the second one waits."""
    with open(LOGS / "setup.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is running here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up_python():
    lock, bootstrap = LOCKS / "requirements.txt", LOCKS / "bootstrap.txt"
    # Of pyproject.toml only what the install of Cairn itself depends on.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    made_from = digest(lock, bootstrap, extra=identity() + json.dumps(project))
    with part(VENV, made_from, "Python packages") as wanted:
        if wanted:
            uv = installer()
            fresh_venv(VENV)
            uv("pip", "install", "--require-hashes", "-r", bootstrap, into=VENV)
            # The few source distributions among them are built with the setuptools just installed.
            # Compiled now, once: every process started later imports several times as fast.
            sync = ("pip", "sync", "--require-hashes", "--no-build-isolation", "--compile-bytecode")
            uv(*sync, lock, into=VENV)
            uv("pip", "install", "--no-deps", "--no-build-isolation", "-e", ROOT, into=VENV)


def set_up_lint():
    lock = LOCKS / "lint.txt"
    made_from = digest(lock, LOCKS / "bootstrap.txt", extra=identity())
    with part(LINT, made_from, "linters") as wanted:
        if wanted:
            uv = installer()
            fresh_venv(LINT)
            uv("pip", "sync", "--require-hashes", "--compile-bytecode", lock, into=LINT)


def set_up_node(dev):
    made_from = digest(ROOT / "package.json", ROOT / "package-lock.json", extra=identity())
    stamp, with_dev = NODE_MODULES / ".cairn-stamp", f"{made_from} with development's"
    if stamp.exists() and stamp.read_text() == with_dev:
        return  # which has all that the demo wants, too
    name = "anvil and what ours is compared with" if dev else "anvil, the local chain"
    with part(NODE_MODULES, with_dev if dev else made_from, name) as wanted:
        if wanted:
            omit = () if dev else ("--omit=dev",)
            check("npm", "ci", *omit, "--ignore-scripts", "--no-audit", "--no-fund")
            check(NODE_MODULES / ".bin" / "anvil", "--version")


def compile_contracts(force):
    """Always with force: after a change in a module alone, Ape keeps the old bytecode and says success."""
    build, abi = ROOT / ".build", ROOT / "offchain" / "cairn" / "chain" / "abi"
    sources = [p for p in sorted((ROOT / "contracts").rglob("*")) if p.is_file()]
    inputs = [*sources, ROOT / "ape-config.yaml", LOCKS / "requirements.txt"]
    inputs.append(ROOT / "tools" / "export_abi.py")
    stamp = ROOT / "var" / "setup" / "contracts"

    def state():
        outputs = [*sorted(build.glob("*.json")), *sorted(abi.glob("*.json"))]
        return digest(*inputs, *outputs, extra=f"{len(outputs)}")

    if not force and stamp.exists() and stamp.read_text() == state():
        return
    started = begin(f"compiling {len(sources)} Vyper files")
    stamp.unlink(missing_ok=True)
    check(VENV / "bin" / "ape", "compile", "-f")
    check(VENV / "bin" / "python", ROOT / "tools" / "export_abi.py")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(state())
    finish(started)


def identity():
    """What an environment cannot survive a change of."""
    return "|".join([sys.version, sys.base_prefix, platform.platform(), str(ROOT)])


def digest(*paths, extra=""):
    total = hashlib.sha256(extra.encode())
    for path in paths:
        content = path.read_bytes()
        total.update(f"|{path.relative_to(ROOT)}|{len(content)}|".encode() + content)
    return total.hexdigest()


@contextlib.contextmanager
def part(folder, made_from, name):
    """Yield whether the part is to be made; stamp it when that went well."""
    stamp = folder / ".cairn-stamp"
    if folder.is_symlink() or (stamp.exists() and stamp.read_text() == made_from):
        yield False
        return
    started = begin(f"installing {name}")
    stamp.unlink(missing_ok=True)
    yield True
    stamp.write_text(made_from)
    finish(started)


def begin(text):
    print(f"cairn: {text} ... ", end="", flush=True)
    return time.monotonic()


def finish(started):
    print(f"{time.monotonic() - started:.0f} s", flush=True)


def fresh_venv(folder):
    check(sys.executable, "-m", "venv", "--clear", "--without-pip", folder)


def installer():
    """uv, installed by pip from its hash; it asks the index that pip asks."""
    stamp = TOOLS / ".cairn-stamp"
    made_from = digest(LOCKS / "bootstrap.txt", extra=identity())
    python = TOOLS / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != made_from:
        stamp.unlink(missing_ok=True)
        check(sys.executable, "-m", "venv", "--clear", TOOLS)
        wanted = LOCKS / "bootstrap.txt"
        check(python, "-m", "pip", "install", "-q", "--require-hashes", "-r", wanted)
        stamp.write_text(made_from)

    env = environment()
    env.update(UV_PYTHON_DOWNLOADS="never", UV_NO_CONFIG="1", UV_NO_PROGRESS="1")
    index, certificates = pip_setting("index-url"), pip_setting("cert")
    if index:
        env.setdefault("UV_DEFAULT_INDEX", index)
    if certificates:
        env.setdefault("SSL_CERT_FILE", certificates)

    def uv(*command, into):
        target = ("--python", into / "bin" / "python")
        check(TOOLS / "bin" / "uv", *command[:2], *target, *command[2:], env=env)

    return uv


def pip_setting(name):
    """What pip is told on this machine, by environment or file; none if nothing."""
    told = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if told:
        return told
    command = [TOOLS / "bin" / "python", "-m", "pip", "config", "get", f"global.{name}"]
    asked = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return asked.stdout.strip() if asked.returncode == 0 else None


def check(*command, env=None):
    """Run a command into the log; if it fails, say which, with the end of what it said."""
    words = [str(word) for word in command]
    with open(LOG, "ab") as log:
        log.write(f"$ {' '.join(words)}\n".encode())
        log.flush()
        start = log.tell()
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=env or environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    if done.returncode != 0:
        print(flush=True)
        with open(LOG, "rb") as log:
            log.seek(start)
            said = log.read().decode(errors="replace").strip().splitlines()
        print("\n".join(f"    {line}" for line in said[-20:]), file=sys.stderr)
        name = Path(words[0]).name + (f" {words[1]}" if len(words) > 1 else "")
        raise ToolError(f"`{name}` ended with code {done.returncode}; all it said is in {LOG}")


if __name__ == "__main__":
    run_tool(main)
