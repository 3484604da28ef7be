from dataclasses import astuple, replace

import ape
import pytest

from cairn.chain import Distribution, Mode, Rules
from cairn.domain.policy import UNLIMITED
from tests.unit.access_policy.conftest import A_LIMIT, TERMS_CID, TERMS_HASH

SOME = "0x" + "22" * 20
NOBODY = "0x" + "00" * 20


def test_create_policy__anyone__is_its_alliance_and_only_his(access, stranger, timelock, policy):
    """A stranger's policy is his own: no model but of his alliance can name it."""
    mine, his = policy(), policy(creator=stranger)
    assert (mine, his) == (access.n_policies() - 1, access.n_policies())
    assert access.alliance_of(mine) == timelock
    assert access.alliance_of(his) == stranger
    assert access.alliance_of(his + 1) == access.alliance_of(0) == NOBODY


@pytest.mark.parametrize(
    "rules",
    [
        Rules(Mode.OPEN),
        Rules(Mode.MEMBERS, per_caller=A_LIMIT),
        Rules(Mode.LISTED, in_all=A_LIMIT, distribution=Distribution.ADMITTED),
        Rules(Mode.BEARERS, authority=SOME, terms_hash=TERMS_HASH, terms_cid=TERMS_CID),
    ],
    ids=lambda rules: rules.mode.name,
)
def test_create_policy__any_rules__are_kept_as_they_were(access, timelock, rules):
    receipt = access.create_policy(astuple(rules), sender=timelock)
    policy_id = receipt.return_value
    kept = access.rules(policy_id)
    assert Rules(**{name: kept[name] for name in Rules.__dataclass_fields__}) == normal(rules, kept)
    [event] = receipt.decode_logs(access.PolicyCreated)
    assert (event.policy_id, event.alliance) == (policy_id, timelock)


def normal(rules, kept):
    """The rules, with the limits and bytes in the types that Ape gives."""
    assert tuple(kept.per_caller.values()) == astuple(rules.per_caller)
    assert tuple(kept.in_all.values()) == astuple(rules.in_all)
    return replace(rules, per_caller=kept.per_caller, in_all=kept.in_all)


def test_create_policy__widest__fits_the_record(access, alliance, policy):
    widest = {"capacity": 2**32 - 1, "refill": 2**32 - 1, "period_s": 365 * 86_400}
    policy_id = policy(
        mode=Mode.VOTERS,
        authority=alliance.share_token.address,
        threshold=2**96 - 1,
        per_caller=widest,
        in_all=widest,
        terms_hash=bytes([255]) * 32,
        terms_cid=TERMS_CID,
    )
    kept = access.rules(policy_id)
    assert kept.mode == Mode.VOTERS and kept.distribution == Distribution.ANYONE
    assert kept.threshold == 2**96 - 1 and kept.authority == alliance.share_token
    for limit in (kept.per_caller, kept.in_all):
        assert list(limit.values()) == list(widest.values())
    assert bytes(kept.terms_hash) == bytes([255]) * 32


def test_create_policy__out_of_bounds__reverts(access, alliance, timelock):
    token = alliance.share_token.address
    none, some = astuple(UNLIMITED), astuple(A_LIMIT)
    for changes, reason in [
        ({0: 0}, "create_policy: choose one mode"),
        ({0: Mode.OPEN | Mode.LISTED}, "create_policy: choose one mode"),
        ({5: 0}, "create_policy: choose what is public"),
        ({5: 3}, "create_policy: choose what is public"),
        ({0: Mode.HOLDERS, 1: SOME, 2: 1}, "create_policy: no token"),
        ({0: Mode.VOTERS, 1: token, 2: 0}, "create_policy: threshold is zero"),
        ({0: Mode.HOLDERS, 1: token, 2: 2**96}, "create_policy: threshold too high"),
        ({0: Mode.LISTED, 2: 1}, "create_policy: no token to count"),
        ({0: Mode.BEARERS}, "create_policy: issuer and mode disagree"),
        ({0: Mode.OPEN, 1: SOME}, "create_policy: issuer and mode disagree"),
        ({3: (0, 1, 0)}, "limit: refill without capacity"),
        ({4: (0, 0, 1)}, "limit: refill without capacity"),
        ({3: (2**32, 1, 1)}, "limit: capacity too large"),
        ({3: (1, 0, 1)}, "limit: refill out of bounds"),
        ({4: (1, 2**32, 1)}, "limit: refill out of bounds"),
        ({4: (1, 1, 0)}, "limit: period out of bounds"),
        ({3: (1, 1, 365 * 86_400 + 1)}, "limit: period out of bounds"),
        ({6: TERMS_HASH}, "create_policy: half of the terms"),
        ({7: TERMS_CID}, "create_policy: half of the terms"),
    ]:
        rules = list(astuple(Rules(Mode.OPEN, per_caller=A_LIMIT)))
        assert (rules[3], rules[4]) == (some, none)
        for place, value in changes.items():
            rules[place] = value
        with ape.reverts(reason):
            access.create_policy(tuple(rules), sender=timelock)


def test_rules__unknown_policy__reverts(access, policy):
    for unknown in (0, policy() + 1):
        with ape.reverts("rules: unknown policy"):
            access.rules(unknown)
