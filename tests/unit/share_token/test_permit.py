import ape
import pytest

from tests.unit.share_token.conftest import SHARE

FIELDS = [
    ("address", "owner"),
    ("address", "spender"),
    ("uint256", "value"),
    ("uint256", "nonce"),
    ("uint256", "deadline"),
]
# Half of secp256k1's order, and the order.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def permit(token, signer, stranger, chain, signed):
    """The arguments of a permit that the signer gives to the stranger."""

    def permit_(amount=5 * SHARE, nonce=0, deadline=None):
        deadline = chain.blocks.head.timestamp + 100 if deadline is None else deadline
        message = {
            "owner": signer.address,
            "spender": stranger.address,
            "value": amount,
            "nonce": nonce,
            "deadline": deadline,
        }
        signature = signed(signer.key, token, "Permit", FIELDS, message)
        return [
            signer.address,
            stranger.address,
            amount,
            deadline,
            signature.v,
            signature.r.to_bytes(32, "big"),
            signature.s.to_bytes(32, "big"),
        ]

    return permit_


def test_permit__signed_by_owner__approves_once(token, signer, stranger, permit):
    args = permit()
    token.permit(*args, sender=stranger)
    assert token.allowance(signer.address, stranger) == 5 * SHARE
    assert token.nonces(signer.address) == 1
    with ape.reverts("share: permit not by owner"):
        token.permit(*args, sender=stranger)


def test_permit__expired__reverts(token, stranger, permit, chain):
    with ape.reverts("share: permit has expired"):
        token.permit(*permit(deadline=chain.blocks.head.timestamp - 1), sender=stranger)


def test_permit__anything_else_than_signed__reverts(token, stranger, permit, founders):
    good = permit()
    for position, other in ((0, founders[0].address), (1, founders[0].address), (2, 1), (4, 30)):
        args = list(good)
        args[position] = other
        with ape.reverts("share: permit not by owner"):
            token.permit(*args, sender=stranger)


def test_permit__zero_owner__reverts(token, stranger, permit):
    args = permit()
    args[0], args[4] = "0x" + "00" * 20, 30
    with ape.reverts("share: permit not by owner"):
        token.permit(*args, sender=stranger)


def test_permit__high_s__reverts(token, stranger, permit):
    args = permit()
    args[4] = 55 - args[4]
    args[6] = (ORDER - int.from_bytes(args[6], "big")).to_bytes(32, "big")
    with ape.reverts("share: permit not by owner"):
        token.permit(*args, sender=stranger)
