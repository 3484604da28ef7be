"""What a make target promises beyond the program that it runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DOWN = """
import pathlib, sys
assert sys.argv[1:] == ["cairn", "down"], sys.argv
assert pathlib.Path("var/run/chain.pid").exists()
print("ended")
sys.exit({code})
"""


@pytest.fixture
def tree(root: Path, tmp_path: Path) -> Path:
    """A tree with a run that was left running, and a stand-in for `cairn down`."""
    shutil.copy(root / "Makefile", tmp_path)
    for folder in ("tools", "var/run", ".build", "deployments"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "var" / "run" / "chain.pid").write_text("{}")
    return tmp_path


def clean(tree: Path, code: int) -> subprocess.CompletedProcess[str]:
    (tree / "tools" / "run.py").write_text(DOWN.format(code=code))
    return subprocess.run(["make", "clean"], cwd=tree, capture_output=True, text=True)


def test_clean__run_left_running__ends_it_first(tree):
    result = clean(tree, code=0)
    assert (result.returncode, "ended" in result.stdout) == (0, True), result.stderr
    assert not (tree / "var").exists() and not (tree / ".build").exists()
    assert (tree / "deployments").exists()


def test_clean__run_that_cannot_be_ended__removes_nothing(tree):
    assert clean(tree, code=1).returncode != 0
    assert (tree / "var" / "run" / "chain.pid").exists() and (tree / ".build").exists()


def test_clean__nothing_running__asks_nobody(tree):
    shutil.rmtree(tree / "var")
    result = clean(tree, code=1)
    assert (result.returncode, "ended" in result.stdout) == (0, False), result.stderr


@pytest.mark.parametrize(
    ("target", "with_dev"),
    [("demo", False), ("up", False), ("test", True), ("setup", True), ("bench-governance", True)],
)
def test_setup__packages_that_only_tests_want__are_for_tests(root, target, with_dev):
    said = subprocess.run(["make", "-n", target], cwd=root, capture_output=True, text=True)
    [setup] = [line for line in said.stdout.splitlines() if "tools/setup.py" in line]
    assert ("--dev" in setup.split()) is with_dev, setup
