"""What a governor, a timelock and a voting token are asked to do, step by step, of both sides.

Each scenario begins with two fresh alliances; a step that the sides take differently, or not as the
scenario says, raises UnlikeError. Where ours is meant to differ is in docs/spec/alliance.md, and no
scenario goes there.
"""

from __future__ import annotations

from tools.governance import (
    executing_scenarios,
    governor_scenarios,
    proposing_scenarios,
    timelock_scenarios,
    token_scenarios,
    voting_scenarios,
)
from tools.governance._scenario import SCENARIOS
from tools.governance.pair import Pair

__all__ = [
    "SCENARIOS",
    "executing_scenarios",
    "governor_scenarios",
    "proposing_scenarios",
    "run",
    "timelock_scenarios",
    "token_scenarios",
    "voting_scenarios",
]


def run(pair: Pair, name: str) -> None:
    """Play one scenario; the chain is afterwards as it was before."""
    with pair.undone():
        SCENARIOS[name](pair)
