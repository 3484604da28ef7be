import ape

from tests.unit.share_token.conftest import DAY_S, PERIOD_S, SHARE

INCOME = 3 * 10**18


def test_default__coin__is_taken_from_anyone_with_little_gas(token, payer, stranger):
    receipt = payer.transfer(token, 5)
    assert receipt.gas_used < 21_000 + 2_300
    assert token.balance == 5
    assert token.unrecognised() == 5


def test_default__data_or_other_currency__reverts(token, token_in_erc20, payer):
    with ape.reverts("share: unknown function"):
        payer.transfer(token, 5, data=b"\x01\x02\x03\x04")
    with ape.reverts("share: currency is a token"):
        payer.transfer(token_in_erc20, 5)


def test_sync__income__is_recognised_once(token, earn, payer):
    receipt = earn(INCOME)
    [event] = receipt.decode_logs(token.IncomeRecognised)
    assert (event.amount, event.ends_at) == (INCOME, receipt.timestamp + PERIOD_S)
    assert tuple(token.income()) == (INCOME, INCOME)
    again = token.sync(sender=payer)
    assert again.decode_logs(token.IncomeRecognised) == []
    assert again.return_value == 0


def test_claimable__while_streaming__grows_with_time(token, earn, founders, pass_time, chain):
    began = earn(INCOME).timestamp
    for days in (0, 1, 3, 7, 30):
        elapsed = days * DAY_S
        if days:
            pass_time(began + elapsed - chain.blocks.head.timestamp)
        expected = INCOME // 3 * min(elapsed, PERIOD_S) // PERIOD_S
        assert expected - 1 <= token.claimable(founders[0]) <= expected


def test_claim__by_a_stranger__pays_the_holder_only(token, earn, founders, stranger, pass_time):
    earn(INCOME)
    pass_time(PERIOD_S)
    before, stranger_before = founders[0].balance, stranger.balance
    receipt = token.claim(founders[0], sender=stranger)
    [event] = receipt.decode_logs(token.IncomeClaimed)
    assert (event.holder, event.amount) == (founders[0], receipt.return_value)
    assert founders[0].balance - before == receipt.return_value
    assert INCOME // 3 - 1 <= receipt.return_value <= INCOME // 3
    assert stranger_before - stranger.balance == receipt.total_fees_paid
    assert token.claimable(founders[0]) == 0


def test_claim__nothing_earned__pays_nothing(token, founders, stranger):
    receipt = token.claim(founders[0], sender=stranger)
    assert receipt.return_value == 0
    assert receipt.decode_logs(token.IncomeClaimed) == []


def test_claim__all_holders__at_most_one_unit_of_each_is_lost(
    token, earn, founders, stranger, pass_time
):
    earn(INCOME + 2)
    pass_time(PERIOD_S + 1)
    paid = sum(token.claim(founder, sender=stranger).return_value for founder in founders)
    assert INCOME + 2 - 3 <= paid <= INCOME + 2
    assert token.balance == INCOME + 2 - paid


def test_transfer__between_claims__each_earns_while_it_holds(
    token, earn, founders, stranger, pass_time
):
    began = earn(INCOME).timestamp
    pass_time(3 * DAY_S)
    moved = token.transfer(stranger, 100 * SHARE, sender=founders[0]).timestamp
    pass_time(PERIOD_S)
    third = INCOME // 3
    first = third * (moved - began) // PERIOD_S
    assert first - 1 <= token.claimable(founders[0]) <= first
    assert third - first - 1 <= token.claimable(stranger) <= third - first + 1
    assert token.claimable(founders[0]) + token.claimable(stranger) <= third


def test_mint__while_streaming__takes_part_only_in_the_rest(
    token, earn, founders, stranger, timelock, pass_time
):
    began = earn(INCOME).timestamp
    pass_time(3 * DAY_S)
    minted = token.mint(stranger, 300 * SHARE, sender=timelock).timestamp
    pass_time(PERIOD_S)
    rest = INCOME - INCOME * (minted - began) // PERIOD_S
    assert rest // 2 - 1 <= token.claimable(stranger) <= rest // 2
    total = token.claimable(stranger) + sum(token.claimable(f) for f in founders)
    assert INCOME - 4 <= total <= INCOME


def test_sync__while_streaming__weighs_the_time_left_by_amount(
    token, earn, payer, pass_time, chain
):
    began = earn(INCOME).timestamp
    pass_time(3 * DAY_S)
    receipt = earn(INCOME)
    [event] = receipt.decode_logs(token.IncomeRecognised)
    left_s = began + PERIOD_S - receipt.timestamp
    left = INCOME * left_s // PERIOD_S
    expected = (left * left_s + INCOME * PERIOD_S) // (left + INCOME)
    assert abs(event.ends_at - receipt.timestamp - expected) <= 1
    unflowed, ends_at = token.streaming()
    assert abs(unflowed - left - INCOME) <= 1
    assert ends_at == event.ends_at


def test_claim__in_an_erc20__pays_the_holder(
    token_in_erc20, currency, founders, stranger, pass_time
):
    token = token_in_erc20
    currency.mint(token, INCOME, sender=stranger)
    assert token.unrecognised() == INCOME
    token.sync(sender=stranger)
    pass_time(PERIOD_S)
    token.claim(founders[0], sender=stranger)
    assert INCOME // 3 - 1 <= currency.balanceOf(founders[0]) <= INCOME // 3
    assert token.unrecognised() == 0


def test_claim__by_a_contract_that_holds__is_paid(
    token, earn, founders, stranger, deployer, project, pass_time
):
    holder = deployer.deploy(project.Caller)
    token.transfer(holder, 100 * SHARE, sender=founders[0])
    earn(INCOME)
    pass_time(PERIOD_S)
    holder.forward(token, token.claim.encode_input(holder), sender=stranger)
    assert INCOME // 3 - 1 <= holder.balance <= INCOME // 3
