"""The buckets of AccessPolicy and cairn.domain.policy admit, wait and count alike, second by second."""

import boa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.domain.policy import FULL, MAX_CAPACITY, MAX_PERIOD_S, Bucket, Limit
from tests.differential._access import SLOWEST, SMALL, WIDEST, Access

NONE = 2**256 - 1
LIMITS = st.one_of(
    st.builds(Limit, st.integers(1, 6), st.integers(1, 6), st.integers(1, 12)),
    st.builds(
        Limit, st.integers(1, MAX_CAPACITY), st.integers(1, MAX_CAPACITY), st.integers(1, MAX_PERIOD_S)
    ),
)  # fmt: skip
STEPS = st.lists(st.one_of(st.integers(0, 4), st.integers(0, 10**9)), min_size=1, max_size=25)


@pytest.fixture(scope="module")
def access():
    return Access()


def check(access, limit, steps):
    """A purchase after each step in time, by the contract and in Python."""
    policy_id = access.create(per_caller=limit)
    buyer = boa.env.generate_address()
    bucket: Bucket = FULL
    for seconds in steps:
        boa.env.timestamp += seconds
        now = boa.env.timestamp
        assert access.contract.left(policy_id, buyer) == (bucket.left(limit, now), NONE)
        assert access.contract.retry_after_s(policy_id, buyer) == bucket.wait_s(limit, now)
        after = bucket.taken(limit, now)
        refused = access.admits(policy_id, buyer)
        assert bool(refused) == (after is None)
        bucket = after or bucket
    return bucket


@settings(max_examples=60, deadline=None)
@given(limit=LIMITS, steps=STEPS)
def test_bucket__any_limit_and_purchases__is_python_s(access, limit, steps):
    with boa.env.anchor():
        check(access, limit, steps)


@pytest.mark.parametrize("limit", [SMALL, WIDEST, SLOWEST], ids=["small", "widest", "slowest"])
def test_bucket__extremes__are_python_s(access, limit):
    with boa.env.anchor():
        check(access, limit, [0] * 8 + [1] * 8 + [limit.period_s, 2**38])


def test_bucket__span_of_time__admits_no_more_than_its_limit(access):
    """BUCKET-2, where every token is taken as soon as it is there."""
    limit = SMALL
    bucket, admitted, start = FULL, 0, 1_700_000_000
    for now in range(start, start + 700):
        while (after := bucket.taken(limit, now)) is not None:
            bucket, admitted = after, admitted + 1
        t = now - start
        assert admitted == limit.capacity + limit.refill * t // limit.period_s
