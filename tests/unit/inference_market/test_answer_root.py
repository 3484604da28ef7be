import ape
import pytest

from cairn.domain.answers import MAX_LEAVES, AnswerRoot
from tests.unit.inference_market.conftest import LOCK_WEI, TURN_S, WINDOW_S


@pytest.fixture
def terms_id(system, model_id):
    return system.model_registry.current_terms(model_id)


def test_answer_root__stranger__reverts(market, terms_id, refused_to_outsiders):
    refused_to_outsiders(
        market.answer_root, terms_id, 4, bytes(12), reason="lock: operator does not serve"
    )


@pytest.mark.parametrize("count", [1, 15, 16, 17, 33])
def test_answer_root__leaves__are_known_by_pythons_root_and_locked_for(
    market, terms_id, ledger, rich, outputs, chain, count
):
    root = AnswerRoot.of(rich.address, terms_id, [(i + 1, outputs) for i in range(count)])
    receipt = market.answer_root(terms_id, root.output_bytes, root.leaves, sender=rich)
    [event] = receipt.decode_logs(market.RootAnswered)
    assert bytes(event.root_id) == root.root_id
    assert bytes(event.leaves) == root.leaves
    posted = market.get_root(root.root_id)
    posted_at = chain.blocks[receipt.block_number].timestamp
    assert (posted.operator, posted.terms_id, posted.posted_at) == (rich, terms_id, posted_at)
    assert (posted.n_leaves, posted.output_bytes, posted.n_slashed) == (count, 4, 0)
    assert not posted.is_settled
    assert event.challengeable_until == posted_at + WINDOW_S
    assert ledger.locked_wei(rich) == count * LOCK_WEI


def test_answer_root__as_many_as_can_be__is_taken(market, terms_id, ledger, rich, outputs):
    ledger.deposit(value=MAX_LEAVES * LOCK_WEI, sender=rich)
    root = AnswerRoot.of(rich.address, terms_id, [(i + 1, outputs) for i in range(MAX_LEAVES)])
    market.answer_root(terms_id, 4, root.leaves, sender=rich)
    assert market.get_root(root.root_id).n_leaves == MAX_LEAVES


@pytest.mark.parametrize(
    ("output_bytes", "leaves", "reason"),
    [
        (0, bytes(12), "root: bytes of outputs"),
        (132, bytes(140), "root: bytes of outputs"),
        (6, bytes(14), "root: outputs not in words of four"),
        (4, b"", "root: number of leaves"),
        (4, bytes(11), "root: number of leaves"),
        (4, bytes(12 * (MAX_LEAVES + 1)), "root: number of leaves"),
        (4, bytes(25), "root: leaves of other lengths"),
    ],
)
def test_answer_root__malformed__reverts(market, terms_id, rich, output_bytes, leaves, reason):
    with ape.reverts(reason):
        market.answer_root(terms_id, output_bytes, leaves, sender=rich)


def test_answer_root__unknown_terms__reverts(market, terms_id, rich):
    for unknown in (0, terms_id + 1, 2**255):
        with ape.reverts("terms: unknown terms"):
            market.answer_root(unknown, 4, bytes(12), sender=rich)


def test_answer_root__more_leaves_than_the_stake_backs__reverts(market, post, serving, outputs):
    with ape.reverts("lock: too little free stake"):
        post(serving, [(1, outputs), (2, outputs), (3, outputs)])


def test_answer_root__twice__reverts(market, post, rich, ask, outputs, pass_time):
    ids = ask(2)
    pass_time(TURN_S + 1)
    answers = [(one, outputs) for one in ids]
    post(rich, answers)
    with ape.reverts("root: posted already"):
        post(rich, answers)


def test_get_root__unknown__is_empty(market):
    assert market.get_root(bytes(32)).posted_at == 0
