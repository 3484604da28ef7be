"""Clipping and Gaussian noise at home, and what they leave to be learned from a member's updates.

The accountant is Google's dp-accounting (docs/decisions/021-privacy-accountant.md), an extra that is
asked for only where epsilon is; docs/privacy.md says what the number means and what it does not.
"""

import math
import re
import secrets
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.training.errors import PrivacyError

__all__ = ["Guard", "PrivacyStatement", "epsilon_of"]

Floats: TypeAlias = npt.NDArray[np.float64]

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?")
_ORDERS = [1 + x / 10 for x in range(1, 100)] + list(range(11, 64)) + [128, 256, 512, 1024]


@dataclass(frozen=True)
class Guard:
    """What a member does to his update before anybody sees it.

    clip: the most of its L2 norm, in units of 2^-16; the plan's own bound holds besides.
    noise_multiplier: the noise's standard deviation at each coordinate, as a multiple of clip; a
    plain decimal such as "1.5". delta: of the statement that goes with it.
    """

    clip: int
    noise_multiplier: str
    delta: str = "0.00001"

    def __post_init__(self) -> None:
        if self.clip < 1:
            raise PrivacyError(f"clip is {self.clip}: at least 1, in units of 2^-16")
        _positive("noise_multiplier", self.noise_multiplier)
        if _positive("delta", self.delta) >= 1:
            raise PrivacyError(f"delta is {self.delta}: it is below 1, and best far below")

    @property
    def sigma(self) -> float:
        """The noise's standard deviation, in units of 2^-16."""
        return self.clip * float(self.noise_multiplier)

    def noise(self, n: int, rng: np.random.Generator | None = None) -> Floats:
        """n draws, from the operating system's entropy unless a generator is given."""
        source = rng or np.random.default_rng(secrets.randbits(256))
        return source.normal(0.0, self.sigma, n)

    def statement(self, before: "PrivacyStatement | None" = None) -> "PrivacyStatement":
        """What is said beside one more update; `before` is what the member said the last time.

        Raises PrivacyError if dp-accounting is not installed.
        """
        events = dict(before.events) if before else {}
        events[self.noise_multiplier] = events.get(self.noise_multiplier, 0) + 1
        told = tuple(sorted(events.items()))
        return PrivacyStatement(self.clip, told, self.delta, epsilon_of(told, self.delta))


@dataclass(frozen=True)
class PrivacyStatement:
    """How much a member's updates so far reveal: (epsilon, delta) over all of them.

    events: noise multipliers and how many updates went out with each, this one among them.
    epsilon: a decimal, rounded up.
    """

    clip: int
    events: tuple[tuple[str, int], ...]
    delta: str
    epsilon: str

    @property
    def n_updates(self) -> int:
        return sum(count for _, count in self.events)

    def fault(self) -> str:
        """What is wrong with the number itself, recomputed; empty if nothing is."""
        found = epsilon_of(self.events, self.delta)
        if found == self.epsilon:
            return ""
        return f"epsilon is said to be {self.epsilon}; these updates make it {found}"

    def to_fields(self) -> dict[str, Any]:
        return {
            "clip": self.clip,
            "events": [[multiplier, count] for multiplier, count in self.events],
            "delta": self.delta,
            "epsilon": self.epsilon,
        }

    @classmethod
    def from_fields(cls, fields: Any) -> "PrivacyStatement":
        """Raises PrivacyError that names what is not as `to_fields` has it."""
        names = {"clip", "events", "delta", "epsilon"}
        if not isinstance(fields, dict) or set(fields) != names:
            raise PrivacyError(f"a statement has the fields {', '.join(sorted(names))}")
        guard_clip, events = fields["clip"], fields["events"]
        if not _is_count(guard_clip) or not isinstance(events, list) or not events:
            raise PrivacyError("clip is a whole number, and events is a list of at least one")
        told = []
        for event in events:
            if not isinstance(event, list) or len(event) != 2 or not _is_count(event[1]):
                raise PrivacyError(f"an event is [noise multiplier, how often], not {event!r}")
            _positive("a noise multiplier", event[0])
            told.append((event[0], event[1]))
        for name in ("delta", "epsilon"):
            _positive(name, fields[name])
        return cls(guard_clip, tuple(told), fields["delta"], fields["epsilon"])


def epsilon_of(events: tuple[tuple[str, int], ...], delta: str) -> str:
    """The epsilon of Gaussian updates at delta, rounded up to four decimals.

    Neighbours differ in all of one member's data, and everybody sees the member's own update. So two
    clipped updates are up to twice the clip apart, and a noise multiplier counts by half.
    Raises PrivacyError if dp-accounting is not installed.
    """
    try:
        from dp_accounting import GaussianDpEvent, NeighboringRelation, SelfComposedDpEvent
        from dp_accounting.rdp import RdpAccountant
    except ImportError:
        raise PrivacyError(
            "dp-accounting is not installed: install Cairn's `privacy` extra to know epsilon"
        ) from None
    # Said of a sensitivity of 1 noise multiplier: what neighbours are was settled above.
    accountant = RdpAccountant(_ORDERS, NeighboringRelation.ADD_OR_REMOVE_ONE)
    for multiplier, count in events:
        event = GaussianDpEvent(float(multiplier) / 2.0)
        accountant.compose(SelfComposedDpEvent(event, count))
    epsilon = float(accountant.get_epsilon(float(delta)))
    if not math.isfinite(epsilon):
        raise PrivacyError("the noise is too little for any epsilon: raise the noise multiplier")
    return f"{math.ceil(epsilon * 10_000) / 10_000:.4f}"


def _positive(name: str, text: Any) -> float:
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text) or not float(text):
        raise PrivacyError(f"{name} is {text!r}: write a plain decimal above 0, such as '1.5'")
    return float(text)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
