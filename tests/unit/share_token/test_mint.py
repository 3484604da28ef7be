import ape

from tests.unit.share_token.conftest import SHARE

ZERO = "0x" + "00" * 20


def test_mint__stranger__reverts(token, system, stranger, project, deployer):
    with ape.reverts("share: caller may not mint"):
        token.mint(stranger, 1, sender=stranger)
    other = deployer.deploy(project.Caller)
    with ape.reverts("share: caller may not mint"):
        other.forward(token, token.mint.encode_input(stranger, 1), sender=stranger)


def test_mint__timelock_and_rounds__under_the_cap(token, timelock, rounds, stranger):
    token.mint(stranger, SHARE, sender=timelock)
    token.mint(stranger, SHARE, sender=rounds)
    assert token.balanceOf(stranger) == 2 * SHARE
    assert token.totalSupply() == 302 * SHARE
    room = token.cap() - token.totalSupply()
    with ape.reverts("share: mint above the cap"):
        token.mint(stranger, room + 1, sender=rounds)
    token.mint(stranger, room, sender=rounds)
    assert token.totalSupply() == token.cap()


def test_mint__holder_has_delegated__votes_grow(token, timelock, founders):
    token.mint(founders[0], SHARE, sender=timelock)
    assert token.getVotes(founders[0]) == 101 * SHARE


def test_mint__to_who_cannot_hold__reverts(token, timelock):
    for receiver in (ZERO, token):
        with ape.reverts("share: receiver cannot hold"):
            token.mint(receiver, 1, sender=timelock)


def test_set_cap__stranger_and_rounds__reverts(token, refused_to_outsiders, rounds):
    refused_to_outsiders(token.set_cap, 10**24, reason="share: only the timelock sets caps")
    with ape.reverts("share: only the timelock sets caps"):
        token.set_cap(10**24, sender=rounds)


def test_set_cap__timelock__within_bounds(token, timelock):
    for cap, reason in (
        (300 * SHARE - 1, "share: cap below the supply"),
        (2**94, "share: cap above the maximum"),
    ):
        with ape.reverts(reason):
            token.set_cap(cap, sender=timelock)
    for cap in (300 * SHARE, 2**94 - 1):
        receipt = token.set_cap(cap, sender=timelock)
        assert [event.cap for event in receipt.decode_logs(token.CapSet)] == [cap]
        assert token.cap() == cap
