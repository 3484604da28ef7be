"""Run a program of the project's environment, as if that were activated.

python tools/run.py ape run deploy --network iotex:testnet:node
"""

import os
import shutil
import sys

from _common import ROOT, VENV, ToolError, environment, run_tool


def main():
    name, *arguments = sys.argv[1:]
    env = environment()
    found = shutil.which(name, path=env["PATH"])
    if found is None or not VENV.exists():
        raise ToolError(f"{name} is not installed: run `make setup`")
    os.chdir(ROOT)
    os.execve(found, [name, *arguments], env)


if __name__ == "__main__":
    run_tool(main)
