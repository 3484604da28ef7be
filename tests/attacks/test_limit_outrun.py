"""A buyer races for more than his policy allows: a burst across the end of a period, where a window
that starts anew would let him take twice, or every token the second it is back.

A bucket has no windows: what is taken flows back evenly, and never faster.
"""

import pytest

from tests.unit.access_policy.conftest import access, as_market, buyer  # noqa: F401

LIMIT = {"capacity": 4, "refill": 4, "period_s": 400}


@pytest.fixture
def buy(access, as_market, buyer, policy, chain):
    policy_id = policy(per_caller=LIMIT)

    def buy_at(second):
        """As many as he is given at a second; the first comes with the block."""
        n_bought = 0
        chain.mine(timestamp=second)
        while not access.reason(policy_id, buyer):
            chain.pending_timestamp = second
            receipt = access.admit(policy_id, buyer, sender=as_market)
            assert receipt.timestamp - second <= n_bought + 1
            n_bought += 1
        return n_bought

    return buy_at


def test_limit__burst_across_a_period_s_end__is_not_doubled(buy, chain):
    start = chain.blocks.head.timestamp // 400 * 400 + 800
    bought = buy(start - 10) + buy(start + 10)
    assert bought == 4


def test_limit__asked_all_the_time__gives_what_flows_in(buy, chain):
    start = chain.blocks.head.timestamp + 1_000
    bought = sum(buy(start + 50 * i) for i in range(9))  # 400 seconds: one period
    assert bought == 4 + 4
