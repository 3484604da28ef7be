"""Every check that needs no chain: formatting, lint, types, layers, and the contracts' own linters.

    python tools/lint.py [--fix]

All of them run, so that one run shows all there is to mend.
"""

import argparse
import os
import subprocess

from _common import LINT, ROOT, VENV, environment, run_tool, say

BIN = LINT / "bin"


def main():
    parser = argparse.ArgumentParser(description="Check the code; change nothing unless told to.")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended")
    fix = parser.parse_args().fix
    failed = [name for name, command in checks(fix) if not run(name, command)]
    say("failed: " + ", ".join(failed) if failed else "all checks passed")
    return bool(failed)


def checks(fix):
    contracts = sorted((ROOT / "contracts").rglob("*.vy"))
    # natrix compiles each file, and a module that says `uses:` cannot be compiled alone: it is linted as part of
    # what is deployed.
    deployed = [path for path in contracts if "modules" not in path.parts]
    packages = next((VENV / "lib").glob("python3.*/site-packages"))
    yield "ruff format", [BIN / "ruff", "format", *([] if fix else ["--diff", "--quiet"])]
    yield "ruff check", [BIN / "ruff", "check", *(["--fix"] if fix else [])]
    yield "mypy", [BIN / "mypy", "--python-executable", VENV / "bin" / "python"]
    yield "import-linter", [BIN / "lint-imports"]
    if contracts:
        width = ["--quiet", "--line-length", "100"]
        yield "mamushi", [BIN / "mamushi", *width, *([] if fix else ["--check"]), *contracts]
        yield "natrix", [BIN / "natrix", "lint", "--path", packages, "--", *deployed]


def run(name, command):
    env = environment()
    env["PATH"] = os.pathsep.join([str(BIN), env["PATH"]])
    env["PYTHONPATH"] = str(ROOT / "offchain")
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL)
    print(f"  {'ok  ' if done.returncode == 0 else 'FAIL'} {name}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    run_tool(main)
