"""An alliance names another's policy in its terms, or writes down one that somebody else will steer.

A policy's limits are used up by whoever sells under it, and its list is its maker's: with another's
policy a thief could use up a rival's limits, or a founder could keep the last word on who may buy
after the alliance's votes have taken his place. Terms name the alliance's own policy or none.
"""

import ape
import pytest

from tests.unit.model_registry.conftest import SOME_TERMS


@pytest.fixture
def on_sale(model_on_sale):
    return model_on_sale(**SOME_TERMS)


def test_terms__policy_of_a_rival_or_founder__is_refused(
    system, timelock, on_sale, policy, stranger
):
    registry = system.model_registry
    before = registry.current_terms(on_sale)
    terms = SOME_TERMS | {"policy_id": policy(creator=stranger)}
    with ape.reverts("set_terms: policy of another"):
        registry.set_terms(on_sale, *terms.values(), sender=timelock)
    assert registry.current_terms(on_sale) == before
