"""A proposal as it is shown: for people, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cairn.catalog import Proposal
from cairn.chain import Governor, Support, System
from cairn.cli._drafting import Desk, calls_of
from cairn.domain.text import printable
from cairn.governance import moment, promised

SUPPORT = {"against": Support.AGAINST, "for": Support.FOR, "abstain": Support.ABSTAIN}


def summary(system: System, proposal: Proposal) -> dict[str, Any]:
    """A proposal in a line, as JSON can say it."""
    state = Governor(system.node, proposal.governor).state(proposal.proposal_id)
    title = proposal.description.split("\n", 1)[0]
    return {
        "proposal": str(proposal.proposal_id),
        "alliance": proposal.alliance_name,
        "timelock": proposal.alliance,
        "state": state.name.lower(),
        "title": title,
        "proposer": proposal.proposer,
        "vote_end": proposal.vote_end,
    }


def shown(desk: Desk, proposal: Proposal) -> dict[str, Any]:
    """All of a proposal, its actions in plain words, as JSON can say it."""
    governor, number = desk.governor, proposal.proposal_id
    against, for_, abstaining = governor.votes(number)
    described = desk.described(proposal)
    has_opened = desk.system.node.head().timestamp > proposal.vote_start
    quorum = governor.quorum(proposal.vote_start) if has_opened else None
    warnings = []
    if promised(proposal.description) != [one.words for one in described]:
        warnings.append(
            "the text does not list the actions in their usual words: go by the actions, not by the text"
        )
    if any(one.action is None for one in described):
        warnings.append("not all of it is understood: see the actions' warnings")
    return {
        **summary(desk.system, proposal),
        "governor": proposal.governor,
        "description": proposal.description,
        "votes": {"for": for_, "against": against, "abstain": abstaining},
        "quorum": quorum,
        "vote_start": proposal.vote_start,
        "deadline": proposal.vote_end,
        "executable_from": proposal.eta or None,
        "actions": [
            {
                "words": one.words,
                "action": None if one.action is None else one.action.kind,
                "details": list(one.details),
                "warnings": list(one.warnings),
                "target": call.to,
                "value_wei": str(call.value),
                "data": "0x" + call.data.hex(),
            }
            for one, call in zip(described, calls_of(proposal), strict=True)
        ],
        "voters": [
            {
                "voter": vote.voter,
                "support": next(name for name, s in SUPPORT.items() if s == vote.support),
                "weight": vote.weight,
                "reason": vote.reason,
            }
            for vote in proposal.votes
        ],
        "warnings": warnings,
    }


def as_text(found: Mapping[str, Any]) -> str:
    """What `shown` found, for people. What strangers wrote cannot speak to the terminal."""
    share = 10**18
    votes = ", ".join(f"{name} {count / share:,.2f}" for name, count in found["votes"].items())
    lines = [
        f"proposal {found['proposal']}",
        f"of {printable(found['alliance'])} ({found['timelock']}), by {found['proposer']}",
        f"state: {found['state']}",
        f"votes (shares): {votes}"
        + ("" if found["quorum"] is None else f"; quorum {found['quorum'] / share:,.2f}"),
        f"vote: {moment(found['vote_start'])} to {moment(found['deadline'])}",
    ]
    if found["executable_from"]:
        lines.append(f"executable from {moment(found['executable_from'])}")
    lines += ["", "what it does:"]
    for number, one in enumerate(found["actions"], start=1):
        lines.append(f"  {number}. {one['words']}")
        lines += [f"     {detail}" for detail in one["details"]]
        lines += [f"     WARNING: {warning}" for warning in one["warnings"]]
    lines += ["", "what the proposer says:"]
    lines += [f"  | {line}" for line in printable(found["description"], lines=True).split("\n")]
    for vote in found["voters"]:
        said = f": {printable(vote['reason'])}" if vote["reason"] else ""
        lines.append(
            f"voted {vote['support']}: {vote['voter']}, {vote['weight'] / share:,.2f}{said}"
        )
    lines += [f"WARNING: {warning}" for warning in found["warnings"]]
    return "\n".join(lines)
