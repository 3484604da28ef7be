"""Sealed content: who can open it, what tampering does, and what admission and expulsion change."""

from __future__ import annotations

import random
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from eth_account import Account

from cairn.domain.cid import cid_of
from cairn.storage import MemoryStore
from cairn.storage.sealing import (
    ContentKey,
    EncryptionKeyCard,
    KeyRing,
    KeyRingError,
    MemberKey,
    NotARecipient,
    SealDamaged,
    WrongKey,
    add_sealed,
    fetch_sealed,
    reseal,
    seal,
    unseal,
)

CHAIN_ID = 4690
KEY = ContentKey(bytes(range(32)))
WEIGHTS = random.Random(14).randbytes(200_000)


class Member:
    """Somebody with a wallet and an encryption key; wallets of the development mnemonic's kind."""

    def __init__(self, number: int) -> None:
        self.wallet = Account.from_key((number + 1).to_bytes(32, "big"))
        self.key = MemberKey.generate()

    def card(self, chain_id: int = CHAIN_ID) -> EncryptionKeyCard:
        statement = EncryptionKeyCard.statement(self.wallet.address, self.key.public_key, chain_id)
        signature = bytes(self.wallet.sign_message(statement).signature)
        return EncryptionKeyCard(self.wallet.address, self.key.public_key, chain_id, signature)


@pytest.fixture(scope="module")
def members() -> list[Member]:
    return [Member(number) for number in range(3)]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def ring(store: MemoryStore, members: list[Member]) -> KeyRing:
    cards = [member.card() for member in members[:2]]
    return add_sealed(store, WEIGHTS, cards, chain_id=CHAIN_ID)


def sealed(data: bytes, key: ContentKey = KEY) -> bytes:
    out = BytesIO()
    seal(data, out, key)
    return out.getvalue()


def unsealed(data: bytes, key: ContentKey = KEY) -> bytes:
    out = BytesIO()
    assert unseal(data, out, key) == len(out.getvalue())
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000])
def test_seal__any_length__opens_to_the_same(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert unsealed(sealed(data)) == data


def test_seal__twice__is_never_the_same_bytes() -> None:
    assert sealed(WEIGHTS) != sealed(WEIGHTS)
    assert WEIGHTS[:32] not in sealed(WEIGHTS)


def test_unseal__wrong_key__says_so(tmp_path: Path) -> None:
    with pytest.raises(WrongKey, match="not the one"):
        unseal(sealed(WEIGHTS), tmp_path / "out", ContentKey.generate())
    assert list(tmp_path.iterdir()) == []


def test_unseal__any_changed_byte__is_noticed(tmp_path: Path) -> None:
    good = sealed(bytes(70_000))
    source = random.Random(5)
    places = [*range(80), len(good) - 1, *(source.randrange(len(good)) for _ in range(60))]
    for at in places:
        bad = bytearray(good)
        bad[at] ^= 1 << source.randrange(8)
        with pytest.raises((SealDamaged, WrongKey)):
            unseal(bytes(bad), tmp_path / "out", KEY)
    assert list(tmp_path.iterdir()) == []


def test_unseal__cut_anywhere__is_noticed() -> None:
    good = sealed(bytes(140_000))
    message = 65_536 + 17
    for length in (0, 14, 54, 55, 55 + message - 1, 55 + message, 55 + 2 * message, len(good) - 1):
        with pytest.raises(SealDamaged):
            unsealed(good[:length])
    with pytest.raises(SealDamaged, match="follow the end"):
        unsealed(sealed(bytes(65_536)) + b"x")


def test_unseal__messages_swapped_or_of_another_file__are_noticed() -> None:
    good, message = sealed(bytes(200_000)), 65_536 + 17
    first, second = good[55 : 55 + message], good[55 + message : 55 + 2 * message]
    rest = good[55 + 2 * message :]
    with pytest.raises(SealDamaged):
        unsealed(good[:55] + second + first + rest)
    with pytest.raises(SealDamaged):
        unsealed(sealed(bytes(200_000))[:55] + first + second + rest)


def test_secrets__printed__stay_secret() -> None:
    key = MemberKey.generate()
    assert repr(KEY) == "ContentKey()"
    assert repr(key) == "MemberKey()"
    for wrong in (lambda: ContentKey(b"short"), lambda: MemberKey(b"short")):
        with pytest.raises(WrongKey, match="bytes"):
            wrong()


def test_fetch_sealed__every_member__reads_the_weights(
    store: MemoryStore, ring: KeyRing, members: list[Member], tmp_path: Path
) -> None:
    sealed = store.fetch(ring.content)
    assert ring.content == cid_of(sealed)
    assert WEIGHTS[:1000] not in sealed
    assert store.is_pinned(ring.content)
    for member in members[:2]:
        fetch_sealed(store, ring, member.key, tmp_path / "weights")
        assert (tmp_path / "weights").read_bytes() == WEIGHTS


def test_open__stranger__is_no_recipient(ring: KeyRing, members: list[Member]) -> None:
    with pytest.raises(NotARecipient, match="ask a member"):
        ring.open(members[2].key)


def test_admit__new_member__reads_the_same_content(
    store: MemoryStore, ring: KeyRing, members: list[Member]
) -> None:
    wider = ring.admit(members[0].key, [members[2].card()], chain_id=CHAIN_ID)
    assert wider.content == ring.content
    assert set(wider.members) == {member.wallet.address for member in members}
    assert wider.open(members[2].key) == ring.open(members[1].key)
    with pytest.raises(NotARecipient):
        ring.admit(members[2].key, [members[2].card()], chain_id=CHAIN_ID)


def test_admit__member_with_a_new_key__replaces_the_old_one(
    ring: KeyRing, members: list[Member]
) -> None:
    moved = Member(1)
    newer = ring.admit(members[0].key, [moved.card()], chain_id=CHAIN_ID)
    assert len(newer.wraps) == 2
    assert newer.open(moved.key) == ring.open(members[1].key)
    with pytest.raises(NotARecipient):
        newer.open(members[1].key)


def test_reseal__expelled_member__cannot_open_the_new_content(
    store: MemoryStore, ring: KeyRing, members: list[Member], tmp_path: Path
) -> None:
    newer = reseal(store, ring, members[0].key, [members[0].card()], chain_id=CHAIN_ID)
    assert newer.content != ring.content
    assert fetch_sealed(store, newer, members[0].key, tmp_path / "weights") == len(WEIGHTS)
    with pytest.raises(NotARecipient):
        newer.open(members[1].key)
    with pytest.raises(WrongKey):
        unseal(store.fetch(newer.content), tmp_path / "weights", ring.open(members[1].key))


def test_ring__written_and_read__is_the_same(ring: KeyRing, members: list[Member]) -> None:
    again = KeyRing.from_bytes(ring.to_bytes())
    assert again == ring
    assert again.to_bytes() == ring.to_bytes()
    assert ring.open(members[0].key).secret.hex() not in ring.to_bytes().decode()


def test_ring__wrap_moved_from_another_content__is_refused(
    store: MemoryStore, ring: KeyRing, members: list[Member]
) -> None:
    other = add_sealed(store, b"other", [members[0].card()], chain_id=CHAIN_ID)
    forged = replace(ring, wraps=other.wraps)
    with pytest.raises(WrongKey, match="other content"):
        forged.open(members[0].key)
    whole = ring.wraps[0].sealed_key
    bent = replace(ring.wraps[0], sealed_key=whole[:-1] + bytes((whole[-1] ^ 1,)))
    owner = next(one for one in members if one.key.public_key == bent.public_key)
    with pytest.raises(WrongKey, match="damaged or forged"):
        replace(ring, wraps=(bent,)).open(owner.key)
    empty = replace(bent, sealed_key=b"")
    with pytest.raises(WrongKey):
        replace(ring, wraps=(empty,)).open(owner.key)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"format":"cairn-key-ring/2"}',
        bytes(5 << 20),
        b"\xff",
        b"[" * 200_000,
    ],
    ids=["empty", "list", "null", "format", "long", "no text", "deep"],
)
def test_ring__no_ring__is_refused(data: bytes) -> None:
    with pytest.raises(KeyRingError, match="no key ring"):
        KeyRing.from_bytes(data)


def test_card__of_another_wallet_chain_or_key__is_refused(
    store: MemoryStore, members: list[Member]
) -> None:
    good, stranger = members[0].card(), members[2]
    bad = {
        "was signed by": replace(good, member=members[1].wallet.address),
        "is for chain 4689": members[0].card(chain_id=4689),
        "no valid signature": replace(good, signature=bytes(65)),
        "signature|signed by": replace(good, public_key=stranger.key.public_key),
        "of 3 bytes": replace(good, public_key=b"abc"),
    }
    for reason, card in bad.items():
        with pytest.raises(KeyRingError, match=reason):
            add_sealed(store, WEIGHTS, [card], chain_id=CHAIN_ID)
    with pytest.raises(KeyRingError, match="without members"):
        add_sealed(store, WEIGHTS, [], chain_id=CHAIN_ID)


def test_card__key_of_low_order__is_refused(members: list[Member]) -> None:
    wallet = members[0].wallet
    statement = EncryptionKeyCard.statement(wallet.address, bytes(32), CHAIN_ID)
    card = EncryptionKeyCard(
        wallet.address, bytes(32), CHAIN_ID, bytes(wallet.sign_message(statement).signature)
    )
    with pytest.raises(KeyRingError, match="no usable key"):
        KeyRing.make(cid_of(b"x"), KEY, [card], chain_id=CHAIN_ID)
