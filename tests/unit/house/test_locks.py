"""The locks: hashed, exact, and in step with what they were made from."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCKS = {"requirements.txt": "test", "lint.txt": "lint", "bootstrap.txt": "bootstrap"}


def locked(text: str) -> dict[str, list[str]]:
    """Requirement line -> its hashes."""
    entries = re.split(r"\n(?=\S)", text.strip())
    return {
        entry.split("\\")[0].strip(): re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        for entry in entries
    }


def wanted(project: dict, group: str) -> list[Requirement]:
    found = []
    for entry in project["dependency-groups"][group]:
        if isinstance(entry, dict):
            found += wanted(project, entry["include-group"])
        else:
            found.append(Requirement(entry))
    return found


@pytest.fixture(scope="module")
def project(files) -> dict:
    return tomllib.loads(files["pyproject.toml"])


@pytest.mark.parametrize("lock", LOCKS)
def test_lock__every_package__is_exact_and_hashed(files, lock):
    entries = locked(files[f"locks/{lock}"])
    assert entries
    for requirement, hashes in entries.items():
        assert re.match(r"^[a-z0-9._-]+==\S+( ; .+)?$", requirement), requirement
        assert hashes, f"{requirement} has no hash"


@pytest.mark.parametrize(("lock", "group"), LOCKS.items())
def test_lock__what_is_wanted__is_locked_in_a_version_that_fits(files, project, lock, group):
    versions = {}
    for entry in locked(files[f"locks/{lock}"]):
        requirement = Requirement(entry)
        versions[canonicalize_name(requirement.name)] = next(iter(requirement.specifier)).version
    requirements = wanted(project, group)
    if group == "test":
        requirements += [Requirement(entry) for entry in project["project"]["dependencies"]]
    for requirement in requirements:
        version = versions[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_lock__of_npm__is_in_step_and_hashed(files):
    lock = json.loads(files["package-lock.json"])
    packages = dict(lock["packages"])
    top = packages.pop("")
    wanted = json.loads(files["package.json"])
    for kind in ("dependencies", "devDependencies"):
        assert top[kind] == wanted[kind]
        assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted[kind].values())
    for name, package in packages.items():
        if name.startswith("node_modules/@foundry-rs/anvil-") and "linux-amd64" not in name:
            continue  # other platforms: docs/decisions/001-tools.md
        assert package["integrity"].startswith("sha512-"), name


def test_environment__vyper__is_the_one_of_the_pragmas(files):
    from importlib.metadata import version

    assert f"vyper: {version('vyper')}" in re.sub(
        r"vyper:\n  version", "vyper", files["ape-config.yaml"]
    )
