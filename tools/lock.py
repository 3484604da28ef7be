"""Resolve pyproject.toml and package.json into the hashed locks anew, changing as little as possible.

    python tools/lock.py [--upgrade]

The locks name no address, so they install from whatever registry the reader's own settings say.
"""

import argparse
import json
import subprocess

from _common import ROOT, ToolError, environment, run_tool
from setup import LOCKS, LOGS, check_machine, installer

COMMON = (
    "--universal --python-version 3.11 --generate-hashes "
    "--no-emit-index-url --no-header --no-annotate --quiet"
).split()
# npm's words for what is in the name of an anvil package.
CPUS = {"amd64": "x64", "arm64": "arm64"}


def main():
    parser = argparse.ArgumentParser(description="Resolve the locks anew.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest that fits")
    upgrade = ["--upgrade"] if parser.parse_args().upgrade else []
    check_machine()
    LOGS.mkdir(parents=True, exist_ok=True)
    uv = installer()
    python = ROOT / ".tools" / "uv"

    def resolve(output, *wanted):
        words = ["pip", "compile", *COMMON, *upgrade, *wanted, "-o", LOCKS / output]
        uv(*words, into=python)

    resolve("requirements.txt", "--group", "test", "pyproject.toml")
    resolve("bootstrap.txt", "--group", "bootstrap", "-c", LOCKS / "requirements.txt")
    resolve("lint.txt", "--group", "lint")
    resolve("flower.txt", "--group", "flower")
    lock_node()


def lock_node():
    command = ["npm", "install", "--package-lock-only", "--ignore-scripts"]
    if subprocess.run(command, cwd=ROOT, env=environment()).returncode != 0:
        raise ToolError("npm could not resolve package.json")
    path = ROOT / "package-lock.json"
    lock = json.loads(path.read_text())
    packages = lock["packages"]
    anvil = packages["node_modules/@foundry-rs/anvil"]
    for name, version in anvil["optionalDependencies"].items():
        # A registry may lack the package of another platform, and npm then leaves it out, but `npm ci`
        # wants it listed: by its exact version, without the hash that could not be had.
        system, cpu = name.rsplit("-", 2)[-2:]
        packages.setdefault(
            f"node_modules/{name}",
            {
                "version": version,
                "cpu": [CPUS[cpu]],
                "license": anvil["license"],
                "optional": True,
                "os": [system],
            },
        )
    lock["packages"] = {"": packages.pop("")} | dict(sorted(packages.items()))
    path.write_text(json.dumps(lock, indent=2) + "\n")


if __name__ == "__main__":
    run_tool(main)
