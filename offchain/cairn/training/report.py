"""A round for people: the loss by version, and what each member's update did to it.

Plain data in, a picture or text out: whoever calls has it from the chain, or from a simulation.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cairn.training.errors import TrainingError
from cairn.training.privacy import PrivacyStatement
from cairn.training.selection import Selection

__all__ = ["MemberEffect", "RoundReport", "VersionLoss"]

_BLOCKS = " ▁▂▃▄▅▆▇█"
_INCLUDED, _LEFT_OUT = "#2f6f9f", "#b0563b"


@dataclass(frozen=True)
class VersionLoss:
    """A version of the model, and its loss on the round's validation set."""

    version: int
    loss: float


@dataclass(frozen=True)
class MemberEffect:
    """What one member's update does to the loss.

    effect: the loss without the update less the loss with it, as a part of the round's loss; above 0
    it helps. Infinite where nobody would be left without it. privacy: what the member said beside it.
    """

    name: str
    weight: int
    is_included: bool
    effect: float
    privacy: PrivacyStatement | None = None


@dataclass(frozen=True)
class RoundReport:
    """title: of the round. loss_name: with its unit, such as "cross-entropy, nats"."""

    title: str
    loss_name: str
    versions: tuple[VersionLoss, ...]
    members: tuple[MemberEffect, ...]

    def __post_init__(self) -> None:
        if not self.versions or not self.members:
            raise TrainingError("a report shows at least one version and one member")

    @classmethod
    def of(
        cls,
        title: str,
        loss_name: str,
        versions: Sequence[VersionLoss],
        names: Sequence[str],
        weights: Sequence[int],
        selection: Selection,
        privacy: Sequence[PrivacyStatement | None] | None = None,
    ) -> "RoundReport":
        """From a selection; names, weights and privacy by the updates' places in it."""
        told = privacy or [None] * len(names)
        members = []
        for name, weight, is_in, toggled, statement in zip(
            names, weights, selection.members, selection.toggled, told, strict=True
        ):
            change = toggled - selection.loss if is_in else selection.loss - toggled
            effect = change / selection.loss if selection.loss else 0.0
            members.append(MemberEffect(name, weight, is_in, effect, statement))
        return cls(title, loss_name, tuple(versions), tuple(members))

    def to_text(self, width: int = 80) -> str:
        """For a terminal of `width` columns, at least 40."""
        losses = [one.loss for one in self.versions]
        lines = [self.title, "", f"loss by version ({self.loss_name})", ""]
        lines += _columns(losses[-max(1, (width - 2) // 2) :])
        first, last = self.versions[0], self.versions[-1]
        lines.append(
            f"  version {first.version}: {first.loss:.4g}   version {last.version}: {last.loss:.4g}"
        )
        lines += ["", "what each member did to the loss (to the right: it helps)", ""]
        name_width = min(20, max(len(one.name) for one in self.members))
        room = max(8, (width - name_width - 24) // 2)
        most = max(
            (abs(one.effect) for one in self.members if math.isfinite(one.effect)), default=0
        )
        for one in self.members:
            name = one.name if len(one.name) <= name_width else one.name[: name_width - 1] + "…"
            part = min(1.0, abs(one.effect) / most) if most and math.isfinite(one.effect) else 0.0
            bar = "█" * (round(part * room) or (1 if one.effect else 0))
            sides = (
                (bar.rjust(room), " " * room) if one.effect < 0 else (" " * room, bar.ljust(room))
            )
            share = f"{100 * one.effect:+.2f} %" if math.isfinite(one.effect) else "alone"
            state = "in" if one.is_included else "out"
            lines.append(
                f"  {name:{name_width}} {sides[0]}|{sides[1]} {share:>10} {state}".rstrip()
            )
        lines += ["", *self._guards()]
        return "\n".join(lines).rstrip() + "\n"

    def _guards(self) -> list[str]:
        return [
            f"  {one.name}: epsilon {one.privacy.epsilon} at delta {one.privacy.delta} over "
            f"{one.privacy.n_updates} updates, by its own word"
            for one in self.members
            if one.privacy is not None
        ]

    def to_png(self, path: str | os.PathLike[str]) -> Path:
        """Write the two charts as a PNG, whole or not at all."""
        from matplotlib.figure import Figure

        target = Path(path)
        height = 3.0 + 0.28 * len(self.members)
        figure = Figure(figsize=(8.0, 2.6 + height), layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=(2.6, height))
        figure.suptitle(self.title)
        numbers = [one.version for one in self.versions]
        upper.plot(numbers, [one.loss for one in self.versions], marker="o", color=_INCLUDED)
        upper.set_xlabel("version")
        upper.set_ylabel(self.loss_name)
        upper.xaxis.get_major_locator().set_params(integer=True)
        upper.grid(alpha=0.3)
        places = range(len(self.members))
        # A member without whom nobody is left has no bar.
        effects = [100 * one.effect if math.isfinite(one.effect) else 0.0 for one in self.members]
        colours = [_INCLUDED if one.is_included else _LEFT_OUT for one in self.members]
        lower.barh(places, effects, color=colours)
        lower.set_yticks(places, [self._label(one) for one in self.members])
        lower.invert_yaxis()
        lower.axvline(0.0, color="black", linewidth=0.8)
        lower.set_xlabel("the loss without the update less that with it, % (above 0: it helps)")
        lower.grid(axis="x", alpha=0.3)
        beside = target.with_name(target.name + ".part")
        # No version of the library in it: the same report is the same file.
        figure.savefig(beside, format="png", dpi=120, metadata={"Software": None})
        beside.replace(target)
        return target

    @staticmethod
    def _label(one: MemberEffect) -> str:
        left_out = "" if one.is_included else ", left out"
        guarded = "" if one.privacy is None else f", epsilon {one.privacy.epsilon}"
        return f"{one.name}{left_out}{guarded}"


def _columns(values: Sequence[float], n_lines: int = 4) -> list[str]:
    """Columns of eighths, two characters apart; the largest value takes all lines."""
    top = max(values)
    eighths = [max(1, round(8 * n_lines * value / top)) if top > 0 else 1 for value in values]
    lines = []
    for level in range(n_lines - 1, -1, -1):
        cells = (_BLOCKS[min(8, max(0, height - 8 * level))] for height in eighths)
        lines.append("  " + " ".join(cells).rstrip())
    return lines
