import ape
import pytest

ENDPOINT = "https://predict.example/v2"


@pytest.fixture
def ledger(system):
    return system.stake_ledger


@pytest.fixture
def serving(ledger, operator, on_sale):
    ledger.deposit(value=10**18, sender=operator)
    ledger.opt_in(on_sale, sender=operator)
    return operator


def test_list_endpoint__stranger__reverts(registry, on_sale, refused_to_outsiders):
    refused_to_outsiders(
        registry.list_endpoint, on_sale, ENDPOINT, reason="list_endpoint: not served with stake"
    )


def test_list_endpoint__serving_with_stake__is_listed(registry, on_sale, serving):
    receipt = registry.list_endpoint(on_sale, ENDPOINT, sender=serving)
    [event] = receipt.decode_logs(registry.OperatorListed)
    assert (event.model_id, event.operator, event.endpoint) == (on_sale, serving, ENDPOINT)
    assert tuple(registry.listing(on_sale, serving)) == (ENDPOINT, True)
    longer = "https://" + "x" * 120
    registry.list_endpoint(on_sale, longer, sender=serving)
    assert registry.listing(on_sale, serving)[0] == longer


def test_list_endpoint__bad_arguments__reverts(registry, on_sale, serving, ledger):
    with ape.reverts("registry: unknown model"):
        registry.list_endpoint(on_sale + 1, ENDPOINT, sender=serving)
    with ape.reverts("list_endpoint: no endpoint"):
        registry.list_endpoint(on_sale, "", sender=serving)
    ledger.begin_unbonding(1, sender=serving)
    with ape.reverts("list_endpoint: not served with stake"):
        registry.list_endpoint(on_sale, ENDPOINT, sender=serving)


def test_listing__stake_gone_or_opted_out__is_not_backed(registry, on_sale, serving, ledger):
    registry.list_endpoint(on_sale, ENDPOINT, sender=serving)
    ledger.begin_unbonding(1, sender=serving)
    assert tuple(registry.listing(on_sale, serving)) == (ENDPOINT, False)
    ledger.deposit(value=1, sender=serving)
    assert registry.listing(on_sale, serving)[1]
    ledger.opt_out(on_sale, sender=serving)
    assert tuple(registry.listing(on_sale, serving)) == (ENDPOINT, False)


def test_withdraw_listing__listed__is_gone(registry, on_sale, serving, refused_to_outsiders):
    refused_to_outsiders(registry.withdraw_listing, on_sale, reason="withdraw_listing: not listed")
    registry.list_endpoint(on_sale, ENDPOINT, sender=serving)
    receipt = registry.withdraw_listing(on_sale, sender=serving)
    [event] = receipt.decode_logs(registry.ListingWithdrawn)
    assert (event.model_id, event.operator) == (on_sale, serving)
    assert registry.listing(on_sale, serving)[0] == ""
