"""Set up Flower in an environment of its own, from its lock: for the bench of training and one test.

    python tools/flower_env.py

Its packages want another protobuf and another click than ours, so it never shares our environment.
"""

import argparse

from _common import ROOT, run_tool
from setup import (
    LOCKS,
    LOGS,
    check_machine,
    digest,
    fresh_venv,
    identity,
    installer,
    only_one,
    part,
)

FLOWER = ROOT / ".tools" / "flower"


def main():
    argparse.ArgumentParser(description="Set up Flower in an environment of its own.").parse_args()
    check_machine()
    LOGS.mkdir(parents=True, exist_ok=True)
    with only_one():
        lock = LOCKS / "flower.txt"
        made_from = digest(lock, LOCKS / "bootstrap.txt", extra=identity())
        with part(FLOWER, made_from, "Flower") as wanted:
            if wanted:
                uv = installer()
                fresh_venv(FLOWER)
                uv("pip", "sync", "--require-hashes", lock, into=FLOWER)


if __name__ == "__main__":
    run_tool(main)
