"""The plugin that leaves out, and names, what a machine cannot run."""

from __future__ import annotations

import json

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.requires("wings")
def test_fly(): pass

def test_walk(): pass

def test_mine(chain): pass

@pytest.fixture
def chain(): pass
"""


@pytest.fixture
def inner(pytester, root, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(root / "tests" / "plugins"))
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    pytester.makeconftest(
        'import requires\nrequires.NEEDS["wings"] = requires.Need(("no-such-program",), "grow them")\n'
    )
    pytester.makeini("[pytest]\nmarkers =\n    requires(*names): see the plugin\n")
    pytester.makepyfile(TESTS)

    def run(*arguments):
        plugins = ["-p", "requires", "-p", "no:ape_test", "-p", "no:boa_test"]
        return pytester.runpytest_subprocess(*plugins, *arguments)

    return run


def test_requires__lacking__is_left_out_and_named(inner, tmp_path):
    report = tmp_path / "left-out.json"
    result = inner("--left-out", str(report))
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines(["*left out: 1 for lack of wings (grow them)*", "*::test_fly"])
    found = json.loads(report.read_text())["wings"]
    assert found["how"] == "grow them"
    assert len(found["tests"]) == 1


def test_requires__all_required__fails_and_says_how(inner, monkeypatch):
    monkeypatch.setenv("REQUIRE_ALL", "1")
    result = inner()
    result.assert_outcomes(passed=2, errors=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*this machine lacks wings: grow them*"])


def test_requires__unknown_name__is_an_error(inner, pytester):
    pytester.makepyfile(
        test_other='import pytest\n@pytest.mark.requires("fins")\ndef test_swim(): pass'
    )
    result = inner()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*requires fins: add it to NEEDS*"])


@pytest.mark.parametrize(("lane", "test"), [("chain", "test_mine"), ("units", "test_walk")])
def test_lane__chosen__runs_its_tests_only(inner, lane, test):
    result = inner("--lane", lane, "-v")
    result.stdout.fnmatch_lines([f"*::{test} PASSED*"])
    result.assert_outcomes(passed=1, deselected=2)
