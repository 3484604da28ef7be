"""A challenger shows a leaf that the operator never posted, to have a right answer slashed: other
outputs, another place, an inner node as a group, a leaf of another root. Or he shows one wrong leaf
under two places, to have it slashed twice and a right one with it.

The contract computed the root from what was posted: only that passes, and only in its place.
"""

import ape
import pytest

from cairn.domain.answers import AnswerRoot
from tests.unit.inference_market.conftest import LOCK_WEI, TURN_S


@pytest.fixture
def posted(post, ask, rich, outputs, wrong, pass_time):
    """Forty right answers but for one, in three groups."""
    ids = ask(40)
    pass_time(TURN_S + 1)
    return post(rich, [(one, wrong if i == 20 else outputs) for i, one in enumerate(ids)])


def test_leaf__with_other_outputs__is_refused(market, posted, wrong, features, stranger):
    group = bytearray(posted.group(3))
    group[3 * 12 + 8 : 4 * 12] = wrong
    with ape.reverts("leaf: not what was posted"):
        market.challenge_leaf(
            posted.root_id, 3, bytes(group), list(posted.proof(3)), features, sender=stranger
        )


def test_leaf__of_another_group__is_refused_under_this_index(market, posted, features, stranger):
    """Index 4 shown with the group of index 20, which stands at the same place in it."""
    with ape.reverts("leaf: not what was posted"):
        market.challenge_leaf(
            posted.root_id, 4, posted.group(20), list(posted.proof(20)), features, sender=stranger
        )


def test_leaf__of_a_group_cut_short__is_refused(market, posted, features, stranger):
    for shown in (posted.group(20)[:-12], posted.group(20) + bytes(12), b""):
        with ape.reverts("leaf: group of another length"):
            market.challenge_leaf(
                posted.root_id, 20, shown, list(posted.proof(20)), features, sender=stranger
            )


def test_leaf__of_a_root_that_another_posted__is_not_the_operators(
    market, posted, features, rich, stranger
):
    """The same leaves under the liar's own name are another root, which nobody posted."""
    own = AnswerRoot(stranger.address, posted.terms_id, posted.output_bytes, posted.leaves)
    assert own.root_id != posted.root_id
    with ape.reverts("root: unknown root"):
        market.challenge_leaf(
            own.root_id, 20, own.group(20), list(own.proof(20)), features, sender=stranger
        )


def test_leaf__wrong_one__is_slashed_once_and_no_other_with_it(
    market, posted, challenge_leaf, ledger, rich, stranger
):
    challenge_leaf(posted, 20, stranger)
    with ape.reverts("leaf: slashed already"):
        challenge_leaf(posted, 20, stranger)
    assert ledger.locked_wei(rich) == 39 * LOCK_WEI
