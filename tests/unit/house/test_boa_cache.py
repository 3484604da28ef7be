"""What titanoboa keeps of a contract is not used for another."""

from pathlib import Path

import boa

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
