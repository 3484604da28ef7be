"""The repository's own files: what git holds, or would hold."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Where there is no git: what .gitignore leaves out.
NOT_OURS = {
    *(".git", ".venv", ".venv-lint", ".tools", "node_modules", ".build", "var", "dist", "abi"),
    *("__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"),
}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files(root) -> dict[str, str]:
    """Path -> content of every text file, paths relative to the root."""
    texts = {}
    for path in paths(root):
        try:
            texts[str(path)] = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    assert "pyproject.toml" in texts
    return texts


def paths(root: Path) -> list[Path]:
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
        names = listed.stdout.decode().split("\0")
        return [Path(name) for name in names if name and (root / name).is_file()]
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return [path for path in found if not NOT_OURS & set(path.parts)]
