"""The scenarios, by name, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable

from tools.governance.pair import HOLDINGS, SHARE, Own, Pair, Side

Scenario = Callable[[Pair], None]
SCENARIOS: dict[str, Scenario] = {}

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SUPPLY = sum(HOLDINGS) * SHARE
# The types of a ballot by signature, EIP-712.
BALLOT = "uint256 proposalId,uint8 support,address voter,uint256 nonce"
EXTENDED = f"{BALLOT},string reason,bytes params"


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def other_form(signature: Own) -> Own:
    """The second form of the same signature, with the high s."""

    def flip(side: Side) -> bytes:
        r, s, v = signature(side)[:32], signature(side)[32:64], signature(side)[64]
        return bytes(
            r + (CURVE_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big") + bytes([55 - v])
        )

    return flip
