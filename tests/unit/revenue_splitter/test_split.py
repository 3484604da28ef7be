import ape
import pytest

from cairn.chain import NATIVE_COIN


def test_split__by_a_stranger__shares_out_by_the_terms(
    splitter, dollar, dollar_alliance, operator, stranger
):
    dollar.mint(splitter, 1_001, sender=stranger)
    assert splitter.split(sender=stranger).return_value == 1_001
    parts = [operator, dollar_alliance.share_token, dollar_alliance.timelock]
    assert [splitter.owed(account, dollar) for account in parts] == [300, 500, 201]
    for account, amount in zip(parts, (300, 500, 201), strict=True):
        splitter.release(account, sender=stranger)
        assert dollar.balanceOf(account) == amount
        with ape.reverts("release: nothing owed"):
            splitter.release(account, sender=stranger)
    assert dollar.balanceOf(splitter) == 0
    # What the shareholders had is income of the shares.
    dollar_alliance.share_token.sync(sender=stranger)
    assert dollar_alliance.share_token.unrecognised() == 0


def test_split__nothing_new__shares_nothing(splitter, dollar, operator, stranger):
    assert splitter.split(sender=stranger).return_value == 0
    dollar.mint(splitter, 10, sender=stranger)
    splitter.split(sender=stranger)
    assert splitter.split(sender=stranger).return_value == 0
    assert splitter.owed(operator, dollar) == 3


def test_split__terms_changed__counts_for_what_comes_after(
    splitter, dollar, sale, operator, stranger
):
    _, set_parts = sale
    dollar.mint(splitter, 100, sender=stranger)
    splitter.split(sender=stranger)
    set_parts(10_000, 0)
    dollar.mint(splitter, 100, sender=stranger)
    splitter.split(sender=stranger)
    assert splitter.owed(operator, dollar) == 30 + 100


@pytest.fixture
def end_sale(system, model_id, accounts, dollar_alliance):
    def end():
        hands = accounts[dollar_alliance.timelock.address]
        system.model_registry.end_sale(model_id, sender=hands)

    return end


def test_split__off_sale__goes_by_the_terms_that_the_sale_ended_with(
    splitter, dollar, sale, end_sale, operator, stranger
):
    _, set_parts = sale
    dollar.mint(splitter, 100, sender=stranger)
    splitter.split(sender=stranger)
    assert splitter.owed(operator, dollar) == 30
    # New terms that nobody split by while they were in force.
    set_parts(10_000, 0)
    end_sale()
    dollar.mint(splitter, 100, sender=stranger)
    splitter.split(sender=stranger)
    assert splitter.owed(operator, dollar) == 30 + 100


def test_split__made_after_the_sale_ended__shares_out_what_was_paid_before(
    maker, dollar, model_id, end_sale, operator, stranger, project
):
    address = maker.splitter_of(model_id, operator)
    dollar.mint(address, 100, sender=stranger)
    end_sale()
    maker.create(model_id, operator, sender=stranger)
    splitter = project.RevenueSplitter.at(address)
    assert splitter.split(sender=stranger).return_value == 100
    assert splitter.owed(operator, dollar) == 30


def test_split__paid_before_it_was_made__is_shared_out(
    maker, dollar, model_id, stranger, project, operator
):
    address = maker.splitter_of(model_id, operator)
    dollar.mint(address, 100, sender=stranger)
    maker.create(model_id, operator, sender=stranger)
    assert project.RevenueSplitter.at(address).split(sender=stranger).return_value == 100


def test_split__of_the_maker__reverts(maker, stranger):
    with ape.reverts("split: the maker has no income"):
        maker.split(sender=stranger)


def test_split__alliance_earns_coin__unwraps_and_pays_coin(
    put_on_sale, alliance, project, deployer, system, operator, stranger, dollar, requester
):
    wrapped = dollar
    maker = deployer.deploy(project.RevenueSplitter, system.model_registry, wrapped)
    model_id, _ = put_on_sale(alliance)
    made = maker.create(model_id, operator, sender=stranger).return_value
    splitter = project.RevenueSplitter.at(made)
    wrapped.deposit(value=1_000, sender=requester)
    wrapped.transfer(splitter, 1_000, sender=requester)
    splitter.split(sender=stranger)
    assert wrapped.balanceOf(splitter) == 0 and splitter.balance == 1_000
    for account, amount in ((alliance.share_token, 500), (alliance.timelock, 200), (operator, 300)):
        assert splitter.owed(account, NATIVE_COIN) == amount
        before = account.balance
        splitter.release(account, sender=stranger)
        assert account.balance == before + amount
    assert splitter.balance == 0


def test_release__account_that_refuses__keeps_nobody_else_from_theirs(
    put_on_sale, alliance, project, deployer, system, stranger, dollar, requester, caller
):
    maker = deployer.deploy(project.RevenueSplitter, system.model_registry, dollar)
    model_id, _ = put_on_sale(alliance)
    made = maker.create(model_id, caller, sender=stranger).return_value
    splitter = project.RevenueSplitter.at(made)
    caller.set_refusing(True, sender=stranger)
    dollar.deposit(value=1_000, sender=requester)
    dollar.transfer(splitter, 1_000, sender=requester)
    splitter.split(sender=stranger)
    with ape.reverts("money: receiver refused"):
        splitter.release(caller, sender=stranger)
    splitter.release(alliance.share_token, sender=stranger)
    assert splitter.owed(caller, NATIVE_COIN) == 300
