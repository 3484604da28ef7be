"""Run every test, in lanes for two cores, and say at the end what was left out and why.

    python tools/test.py [paths and options of pytest]

Two lanes are the halves of the tests that use Ape's chain; the others are those that start processes, those
that compile for titanoboa, and the units: see tests/plugins/requires.py.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _common import LOGS, ROOT, VENV, environment, run_tool, say

NO_TESTS = 5  # pytest's exit code for an empty lane
BIN = VENV / "bin"
# What runs, and how its lane is called. Ape starts its chain even for a test that wants none, so the other
# lanes leave its plugin out.
WITHOUT_APE = [BIN / "python", "-m", "pytest", "-p", "no:ape_test"]
LANES = {
    "chain 1": [BIN / "ape", "test", "--lane", "chain", "--half", "1"],
    "chain 2": [BIN / "ape", "test", "--lane", "chain", "--half", "2"],
    "processes": [*WITHOUT_APE, "--lane", "processes"],
    "titanoboa": [*WITHOUT_APE, "--lane", "titanoboa"],
    "units": [*WITHOUT_APE, "--lane", "units"],
}
# The lane that is heard while it runs.
LOUD = "chain 1"


def main():
    arguments = sys.argv[1:]
    if not any(not argument.startswith("-") for argument in arguments):
        arguments.append("tests")
    LOGS.mkdir(parents=True, exist_ok=True)
    env = environment()
    if not os.environ.get("REQUIRE_ALL"):
        env.pop("REQUIRE_ALL", None)
    with tempfile.TemporaryDirectory() as folder:
        left_out = {lane: Path(folder) / f"{lane}.json" for lane in LANES}
        codes, seconds = run_lanes(arguments, left_out, env)
        summary = merge(path for path in left_out.values() if path.exists())
    report(codes, seconds, summary)
    ran = [code for code in codes.values() if code != NO_TESTS]
    return max(ran, key=abs, default=NO_TESTS)


def run_lanes(arguments, left_out, env):
    """One lane says what it says as it says it, the others after it, so that they do not mix."""
    started, processes = time.monotonic(), {}
    codes, seconds = {}, {}
    try:
        for lane, program in LANES.items():
            words = [*program, *arguments, "--left-out", left_out[lane], "--durations=10"]
            with open(log_of(lane), "wb") as log:
                processes[lane] = subprocess.Popen(
                    [str(word) for word in words],
                    cwd=ROOT,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=None if lane == LOUD else log,
                    stderr=None if lane == LOUD else subprocess.STDOUT,
                    # Of its own, so that Ctrl-C reaches it once, from here.
                    start_new_session=True,
                )
        for lane, process in processes.items():
            codes[lane] = process.wait()
            seconds[lane] = time.monotonic() - started
            if lane != LOUD:
                print(flush=True)
                sys.stdout.buffer.write(log_of(lane).read_bytes())
                sys.stdout.flush()
    finally:
        for process in processes.values():
            end(process)
    return codes, seconds


def log_of(lane):
    return LOGS / f"test-{lane.replace(' ', '-')}.log"


def end(process):
    """As Ctrl-C would, on which Ape ends its chain; then by force, since its tests would go on without one."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)  # what tests started is theirs to end
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def merge(paths):
    total = {}
    for path in paths:
        for name, found in json.loads(path.read_text()).items():
            kept = total.setdefault(name, {"how": found["how"], "tests": []})
            kept["tests"] += found["tests"]
    return total


def report(codes, seconds, summary):
    print(flush=True)
    for lane, code in codes.items():
        said = {0: "passed", NO_TESTS: "has no tests"}.get(code, f"failed (exit code {code})")
        say(f"the {lane} lane {said}, {seconds[lane]:.0f} s")
    if not summary:
        say("nothing was left out")
    for name, found in sorted(summary.items()):
        say(f"left out for lack of {name}, {len(found['tests'])} tests; to have it: {found['how']}")
        for test in sorted(found["tests"]):
            print(f"    {test}", flush=True)


if __name__ == "__main__":
    run_tool(main)
