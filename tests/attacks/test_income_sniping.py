"""A trader buys shares right before a large income is recognised, collects, and sells at once.

Income streams: he earns for the seconds that he held, and nothing of the rest.
"""

from tests.unit.share_token.conftest import DAY_S, PERIOD_S, SHARE

INCOME = 7 * 10**18


def test_buy_before_income__sell_after__earns_for_the_seconds_held(
    token, earn, founders, stranger, pass_time
):
    token.transfer(stranger, 100 * SHARE, sender=founders[0])
    began = earn(INCOME).timestamp
    pass_time(60)
    sold = token.transfer(founders[0], 100 * SHARE, sender=stranger).timestamp
    pass_time(PERIOD_S)
    third = INCOME // 3
    assert token.claimable(stranger) <= third * (sold - began) // PERIOD_S
    assert token.claimable(stranger) < third // 5_000
    assert token.claimable(founders[0]) >= third - token.claimable(stranger) - 2


def test_buy_while_income_waits__and_recognise_it_oneself__earns_no_more(
    token, payer, founders, stranger, pass_time
):
    """Income that nobody has recognised for long does not come at once to who recognises it."""
    payer.transfer(token, INCOME)
    pass_time(30 * DAY_S)
    token.transfer(stranger, 100 * SHARE, sender=founders[0])
    began = token.sync(sender=stranger).timestamp
    sold = token.transfer(founders[0], 100 * SHARE, sender=stranger).timestamp
    assert token.claimable(stranger) <= INCOME // 3 * (sold - began) // PERIOD_S


def test_buy_after_it_flowed__gets_nothing(token, earn, founders, stranger, pass_time):
    earn(INCOME)
    pass_time(PERIOD_S)
    token.transfer(stranger, 100 * SHARE, sender=founders[0])
    pass_time(PERIOD_S)
    assert token.claimable(stranger) == 0
    assert token.claimable(founders[0]) >= INCOME // 3 - 1
