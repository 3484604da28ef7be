"""What the tools share: where things are, and the environment that every child gets."""

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LINT = ROOT / ".venv-lint"
NODE_MODULES = ROOT / "node_modules"
LOGS = ROOT / "var" / "log"


class ToolError(Exception):
    """Said in one line, without a trace."""


def say(text):
    print(f"cairn: {text}", flush=True)


def environment():
    """The caller's environment, with the project's own programs first on the path."""
    env = dict(os.environ)
    for name in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH"):
        env.pop(name, None)
    bins = [str(VENV / "bin"), str(NODE_MODULES / ".bin")]
    env["PATH"] = os.pathsep.join([*bins, env.get("PATH", os.defpath)])
    # One of Ape's plugins declares a setting before its type: true of every `ape` command, harmless.
    env.setdefault("PYTHONWARNINGS", "ignore:Field 'import_remapping'")
    if not os.access(Path.home(), os.W_OK):
        # Without a home of one's own, the caches and Ape's accounts live in the project.
        for name, folder in {
            "UV_CACHE_DIR": "uv",
            "PIP_CACHE_DIR": "pip",
            "npm_config_cache": "npm",
            "APE_DATA_FOLDER": "ape",
        }.items():
            env.setdefault(name, str(ROOT / ".tools" / "home" / folder))
    return env


def run_tool(main):
    """Run a tool's main; a reason that it gives is one line and exit code 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except ToolError as error:
        print(f"cairn: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("cairn: interrupted", file=sys.stderr)
        sys.exit(130)
