"""A holder sees a proposal that he dislikes on its way, sends the same first, and cancels it: its
id is burnt.

A description that ends in `#proposer=0x...` is accepted from that proposer only.
"""

import ape

from tests.unit.governor.conftest import CANCELED, PENDING, Actions


def test_propose__without_the_suffix__can_be_burnt(governor, propose, payment, founders):
    propose(payment, founders[1], wait=False)
    governor.cancel(*payment.key, sender=founders[1])
    assert governor.state(payment.id) == CANCELED
    with ape.reverts("propose: already proposed"):
        propose(payment, founders[0], wait=False)


def test_propose__with_the_suffix__cannot(governor, propose, payment, founders):
    safe = Actions(
        payment.targets,
        payment.amounts,
        payment.calldatas,
        f"{payment.description}\n#proposer={founders[0].address}",
    )
    with ape.reverts("propose: meant for another proposer"):
        propose(safe, founders[1], wait=False)
    propose(safe, founders[0], wait=False)
    with ape.reverts("cancel: caller is not the proposer"):
        governor.cancel(*safe.key, sender=founders[1])
    assert governor.state(safe.id) == PENDING
