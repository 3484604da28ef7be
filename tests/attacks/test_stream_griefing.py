"""A griever sends the smallest amount again and again, so that the stream of income starts over
each time.

The time left is weighed by amount: dust moves the end by nothing; who would move it pays what he
moves.
"""

from tests.unit.share_token.conftest import DAY_S, PERIOD_S

INCOME = 7 * 10**18


def test_sync__dust_every_day__leaves_the_end_where_it_was(token, earn, founders, pass_time):
    ends_at = earn(INCOME).timestamp + PERIOD_S
    for _ in range(6):
        pass_time(DAY_S)
        earn(1)
        assert token.streaming()[1] == ends_at
    pass_time(DAY_S)
    assert token.claimable(founders[0]) >= INCOME // 3 - 1


def test_sync__dust_in_the_last_second__holds_nothing_back(token, earn, founders, pass_time, chain):
    ends_at = earn(INCOME).timestamp + PERIOD_S
    pass_time(ends_at - chain.blocks.head.timestamp - 3)
    earn(1)
    assert token.streaming()[1] <= ends_at
    pass_time(3)
    assert token.claimable(founders[0]) >= INCOME // 3 - 1


def test_sync__a_tenth_again__delays_by_no_more_than_its_share(token, earn, pass_time):
    ends_at = earn(INCOME).timestamp + PERIOD_S
    pass_time(DAY_S)
    earn(INCOME // 10)
    assert 0 <= token.streaming()[1] - ends_at < PERIOD_S // 10
