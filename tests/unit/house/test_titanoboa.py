"""What titanoboa keeps of a contract is not used for another, and serves the next deployment."""

from pathlib import Path

import boa
from vyper.ir import compile_ir

TOP = """
# pragma version 0.4.3
from . import middle

@external
def answer() -> uint256:
    return middle._answer()
"""
MIDDLE = """
# pragma version 0.4.3
from . import inner

@internal
def _answer() -> uint256:
    return inner._answer()
"""
INNER = """
# pragma version 0.4.3

@internal
def _answer() -> uint256:
    return {}
"""


def test_load__nested_module_changed__is_compiled_anew(tmp_path: Path) -> None:
    (tmp_path / "top.vy").write_text(TOP)
    (tmp_path / "middle.vy").write_text(MIDDLE)
    answers = []
    for number in (41, 42):
        (tmp_path / "inner.vy").write_text(INNER.format(number))
        answers.append(boa.load(str(tmp_path / "top.vy")).answer())
    assert answers == [41, 42]


def test_deploy__again__assembles_no_more(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "inner.vy").write_text(INNER.format(1))
    (tmp_path / "middle.vy").write_text(MIDDLE)
    (tmp_path / "top.vy").write_text(TOP)
    deployer = boa.load_partial(str(tmp_path / "top.vy"))
    first = deployer.deploy()
    monkeypatch.setattr(compile_ir, "assembly_to_evm", None)
    assert deployer.deploy().answer() == first.answer() == 1
    assert "\n" not in repr(first)
