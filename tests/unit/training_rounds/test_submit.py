import ape
from eth_abi import encode
from eth_utils import keccak

from tests.conftest import DAY_S, SOME_CID

ROOT = bytes([7]) * 32


def test_submit__own_batches__weigh_their_readings(rounds, round_id, anchor, founders):
    member = founders[0]
    batch_ids = sorted([anchor(member, 100), anchor(member, 50)])
    rounds.submit(round_id, ROOT, SOME_CID, batch_ids, sender=member)
    update = rounds.update(round_id, 0)
    assert (update.member, update.root, update.weight) == (member.address, ROOT, 150)
    assert update.data_root == keccak(encode(["uint256", "uint256"], batch_ids))
    assert rounds.n_updates(round_id) == 1


def test_submit__above_the_cap__is_capped(rounds, round_id, submit, founders):
    submit(founders[0], 251)
    assert rounds.update(round_id, 0).weight == 250


def test_submit__stranger__has_no_batch(rounds, round_id, anchor, founders, refused_to_outsiders):
    batch_id = anchor(founders[0])
    refused_to_outsiders(
        rounds.submit, round_id, ROOT, SOME_CID, [batch_id], reason="submit: batch of another owner"
    )


def test_submit__same_batch_twice__reverts(rounds, round_id, anchor, founders):
    batch_id = anchor(founders[0])
    for batch_ids in ([batch_id, batch_id], [batch_id, batch_id - 1], [0]):
        with ape.reverts("submit: batch ids not ascending"):
            rounds.submit(round_id, ROOT, SOME_CID, batch_ids, sender=founders[0])


def test_submit__batch_not_matured__reverts(rounds, round_id, anchor, founders):
    batch_id = anchor(founders[0], is_matured=False)
    with ape.reverts("submit: batch is not mature"):
        rounds.submit(round_id, ROOT, SOME_CID, [batch_id], sender=founders[0])


def test_submit__batch_of_another_alliance__reverts(rounds, round_id, anchor, founders, stranger):
    batch_id = anchor(founders[0], hands=stranger)
    with ape.reverts("submit: batch of another alliance"):
        rounds.submit(round_id, ROOT, SOME_CID, [batch_id], sender=founders[0])


def test_submit__bad_arguments__reverts(rounds, round_id, anchor, founders):
    member = founders[0]
    batch_id = anchor(member)
    for arguments, reason in [
        ((round_id + 1, ROOT, SOME_CID, [batch_id]), "submit: round is not open"),
        ((round_id, bytes(32), SOME_CID, [batch_id]), "submit: no root"),
        ((round_id, ROOT, b"", [batch_id]), "submit: no cid"),
        ((round_id, ROOT, SOME_CID, []), "submit: no batches"),
    ]:
        with ape.reverts(reason):
            rounds.submit(*arguments, sender=member)


def test_submit__twice__reverts(rounds, round_id, submit, founders):
    submit(founders[0], root=ROOT)
    with ape.reverts("submit: already handed in"):
        rounds.submit(round_id, bytes([8]) * 32, SOME_CID, [1], sender=founders[0])


def test_submit__root_copied_before_its_author__does_not_shut_him_out(
    rounds, round_id, submit, founders
):
    copier, author = founders[:2]
    submit(copier, 50, root=ROOT)
    submit(author, 100, root=ROOT)
    assert [rounds.update(round_id, i).weight for i in range(2)] == [50, 100]


def test_submit__device_expelled_meanwhile__reverts(
    rounds, round_id, anchor, founders, system, timelock
):
    batch_id = anchor(founders[0])
    device = system.device_registry.batch(batch_id).device
    system.device_registry.expel([device], sender=timelock)
    with ape.reverts("submit: device is not admitted"):
        rounds.submit(round_id, ROOT, SOME_CID, [batch_id], sender=founders[0])


def test_submit__too_late__reverts(rounds, round_id, anchor, founders, pass_time):
    batch_id = anchor(founders[0])
    pass_time(DAY_S + 1)
    with ape.reverts("submit: submission is over"):
        rounds.submit(round_id, ROOT, SOME_CID, [batch_id], sender=founders[0])


def test_update__unknown_index__reverts(rounds, round_id):
    with ape.reverts("update: unknown index"):
        rounds.update(round_id, 0)
