"""An access policy contract on titanoboa, with a market and an alliance that are plain accounts."""

from dataclasses import astuple
from functools import cache
from typing import Any

import boa

from cairn.chain import Mode, Rules
from cairn.domain.policy import Limit

NOBODY = "0x" + "00" * 20


@cache
def _compiled(path: str) -> Any:
    return boa.load_partial(f"contracts/{path}.vy")


class Access:
    """The contract; policies that its one alliance makes."""

    def __init__(self) -> None:
        devices = _compiled("devices/DeviceRegistry").deploy(10**18, NOBODY, NOBODY)
        self.market = boa.env.generate_address("market")
        self.alliance = boa.env.generate_address("alliance")
        self.contract = _compiled("inference/AccessPolicy").deploy(self.market, devices)

    def create(self, **rules: Any) -> int:
        written = Rules(**{"mode": Mode.OPEN} | rules)
        policy_id: int = self.contract.create_policy(astuple(written), sender=self.alliance)
        return policy_id

    def admits(self, policy_id: int, caller: Any) -> str:
        """Sell to a caller: the reason why not, or empty. `reason` must have said the same."""
        reason: str = self.contract.reason(policy_id, caller)
        if reason:
            with boa.reverts(reason):
                self.contract.admit(policy_id, caller, sender=self.market)
        else:
            self.contract.admit(policy_id, caller, sender=self.market)
        return reason


SMALL = Limit(capacity=5, refill=3, period_s=7)
WIDEST = Limit(capacity=2**32 - 1, refill=2**32 - 1, period_s=365 * 86_400)
SLOWEST = Limit(capacity=2**32 - 1, refill=1, period_s=365 * 86_400)
