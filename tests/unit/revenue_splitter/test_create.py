import ape

from cairn.domain.payments import splitter_address
from tests.unit.revenue_splitter.conftest import NOBODY


def test_create__anyone__makes_it_at_the_address_that_all_can_work_out(
    maker, model_id, operator, stranger, project
):
    expected = maker.splitter_of(model_id, operator)
    assert splitter_address(maker.address, model_id, operator.address) == expected
    receipt = maker.create(model_id, operator, sender=stranger)
    assert receipt.return_value == expected
    splitter = project.RevenueSplitter.at(expected)
    assert (splitter.model_id(), splitter.operator()) == (model_id, operator)
    # A splitter answers the same.
    assert splitter.splitter_of(model_id, operator) == expected


def test_create__twice__reverts(maker, model_id, operator, splitter, stranger):
    with ape.reverts():
        maker.create(model_id, operator, sender=stranger)


def test_create__others__are_elsewhere(maker, model_id, operator, stranger):
    addresses = {
        maker.splitter_of(model, who)
        for model in (model_id, model_id + 1)
        for who in (operator, stranger)
    }
    assert len(addresses) == 4


def test_create__never_on_sale_or_for_nobody__reverts(maker, model_id, operator, stranger):
    with ape.reverts("create: model was never for sale"):
        maker.create(model_id + 1, operator, sender=stranger)
    with ape.reverts("create: no operator"):
        maker.create(model_id, NOBODY, sender=stranger)


def test_create__coin_without_a_wrapped_form__reverts(
    maker, put_on_sale, alliance, operator, stranger
):
    model_id, _ = put_on_sale(alliance)
    assert maker.WRAPPED() == NOBODY
    with ape.reverts("create: coin has no wrapped form"):
        maker.create(model_id, operator, sender=stranger)


def test_create__by_a_splitter__reverts(splitter, model_id, operator, stranger):
    with ape.reverts("create: a splitter makes none"):
        splitter.create(model_id, operator, sender=stranger)


def test_begin__stranger__reverts(splitter, maker, stranger, refused_to_outsiders):
    for contract in (splitter, maker):
        refused_to_outsiders(contract.begin, 1, stranger, reason="begin: caller is not the maker")
