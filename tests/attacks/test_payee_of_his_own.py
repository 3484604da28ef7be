"""An operator has predictions paid to himself, or to a splitter of his own making that keeps nothing for
shareholders; or a stranger makes the splitter first, to be its operator.

The one payee's address follows from the system's maker, the model and the operator. Any other maker,
model or operator is another address, which clients do not pay; and whoever makes the splitter makes the
same one.
"""

import ape
import pytest

from cairn.domain.payments import splitter_address
from tests.unit.revenue_splitter.conftest import (  # noqa: F401
    dollar,
    dollar_alliance,
    maker,
    model_id,
    put_on_sale,
    sale,
)


@pytest.fixture
def due(maker, model_id, operator):
    """What a client works out, and pays."""
    return splitter_address(maker.address, model_id, operator.address)


def test_payee__of_another_maker__is_not_the_one_that_clients_pay(
    due, model_id, operator, deployer, project, system, stranger, dollar
):  # fmt: skip
    own = deployer.deploy(project.RevenueSplitter, system.model_registry, dollar)
    made = own.create(model_id, operator, sender=operator).return_value
    assert made == splitter_address(own.address, model_id, operator.address) != due
    assert due not in (operator.address, own.address)


def test_payee__made_first_by_a_stranger__is_the_operator_s_all_the_same(
    due, maker, model_id, operator, stranger, project, dollar, dollar_alliance
):  # fmt: skip
    assert maker.create(model_id, stranger, sender=stranger).return_value != due
    assert maker.create(model_id, operator, sender=stranger).return_value == due
    splitter = project.RevenueSplitter.at(due)
    dollar.mint(due, 1_000, sender=stranger)
    splitter.split(sender=stranger)
    assert splitter.owed(stranger, dollar) == 0
    assert splitter.owed(operator, dollar) == 300
    assert splitter.owed(dollar_alliance.share_token, dollar) == 500
    # It cannot be told anew whose it is, by its operator least of all.
    with ape.reverts("begin: caller is not the maker"):
        splitter.begin(model_id, stranger, sender=operator)
