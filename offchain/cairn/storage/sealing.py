"""Sealed content: files that only their recipients can read, wherever they are pinned.

A file is encrypted under a key of its own, and what is published and named by its CID is the
sealed file. The key goes to each member in a *key ring*, wrapped for the member's encryption key.
Admitting a member adds a wrap and leaves the content alone; expelling one makes a new key, since
nobody can be made to forget the old one.

All cryptography is libsodium's, through PyNaCl: XChaCha20-Poly1305 in its secret-stream form, which
also detects pieces cut off, swapped or repeated; and sealed boxes (X25519) for the wraps.

Layout of a sealed file: `cairn-sealed/1\\n`, the key's id (16 bytes), the stream's header (24), then
messages of 65,536 bytes, the last one shorter and marked final, each with 17 bytes more than it
holds. The first 55 bytes are authenticated with every message.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError
from nacl import bindings, exceptions, hash, public, utils
from nacl.encoding import RawEncoder

from cairn.domain.cid import Cid, CidError

from ._errors import StorageError
from ._port import ContentStore, Source, Target, opened, whole_or_nothing

__all__ = [
    "ContentKey",
    "EncryptionKeyCard",
    "KeyRing",
    "KeyRingError",
    "MemberKey",
    "NotARecipient",
    "SealDamaged",
    "WrongKey",
    "add_sealed",
    "fetch_sealed",
    "reseal",
    "seal",
    "unseal",
]

_MAGIC: Final = b"cairn-sealed/1\n"
_KEY_ID_BYTES: Final = 16
_STREAM_HEADER_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_HEADER_BYTES: Final = len(_MAGIC) + _KEY_ID_BYTES + _STREAM_HEADER_BYTES
_MESSAGE_BYTES: Final = 1 << 16
_SEALED_MESSAGE_BYTES: Final = (
    _MESSAGE_BYTES + bindings.crypto_secretstream_xchacha20poly1305_ABYTES
)
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MORE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_RING_FORMAT: Final = "cairn-key-ring/1"
_MAX_RING_BYTES: Final = 4 << 20
_STRING: Final = re.compile(rb'"[^"\\]*"')
_RING_SHAPE: Final = re.compile(rb"\{:,:,:,:\[(?:\{:,:,:\}(?:,\{:,:,:\})*+)?\]\}")
"""What is left of a ring without its strings; deep nesting would take a JSON parser's stack."""


class WrongKey(StorageError):
    """This key does not open this."""


class NotARecipient(StorageError):
    """The key ring holds no wrap for this member's key."""


class SealDamaged(StorageError):
    """The sealed bytes were changed, cut short or never sealed."""


class KeyRingError(StorageError):
    """The key ring or a card in it cannot be trusted or read."""


@dataclass(frozen=True, slots=True)
class ContentKey:
    """The symmetric key of one sealed file. It is never written down but in wraps."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        wanted = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
        if len(self.secret) != wanted:
            raise WrongKey(f"a content key has {wanted} bytes, not {len(self.secret)}")

    @classmethod
    def generate(cls) -> ContentKey:
        return cls(utils.random(bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES))

    @property
    def id(self) -> bytes:
        """Names the key without giving it away, so that a wrong key can be told from damage."""
        return hash.blake2b(
            self.secret,
            digest_size=_KEY_ID_BYTES,
            person=b"cairn-key-id",
            encoder=RawEncoder,
        )


@dataclass(frozen=True, slots=True)
class MemberKey:
    """A member's own encryption key pair (X25519), apart from the wallet's."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != public.PrivateKey.SIZE:
            raise WrongKey(f"an encryption key has {public.PrivateKey.SIZE} bytes")

    @classmethod
    def generate(cls) -> MemberKey:
        return cls(bytes(public.PrivateKey.generate()))

    @property
    def public_key(self) -> bytes:
        """32 bytes that the member publishes in a card."""
        return bytes(public.PrivateKey(self.secret).public_key)


@dataclass(frozen=True, slots=True)
class EncryptionKeyCard:
    """A member's statement, signed by its wallet: seal for me with this key.

    `member` is the wallet's address. The statement is EIP-712 typed data without a contract; the
    chain id keeps a card of a test network off the main one.
    """

    member: str
    public_key: bytes
    chain_id: int
    signature: bytes

    @classmethod
    def statement(cls, member: str, public_key: bytes, chain_id: int) -> SignableMessage:
        """What the member's wallet signs."""
        return encode_typed_data(
            domain_data={"name": "Cairn", "version": "1", "chainId": chain_id},
            message_types={
                "EncryptionKey": [
                    {"name": "member", "type": "address"},
                    {"name": "publicKey", "type": "bytes32"},
                ]
            },
            message_data={"member": member, "publicKey": public_key},
        )

    def check(self, chain_id: int) -> None:
        """KeyRingError unless the member's own wallet signed this card for this chain."""
        if len(self.public_key) != public.PublicKey.SIZE:
            raise KeyRingError(
                f"{self.member}'s card holds a key of {len(self.public_key)} bytes; ask the member "
                "for a new card"
            )
        if self.chain_id != chain_id:
            raise KeyRingError(
                f"{self.member}'s card is for chain {self.chain_id} and this is {chain_id}; ask "
                "the member for a card of this chain"
            )
        try:
            signer = Account.recover_message(
                self.statement(self.member, self.public_key, chain_id), signature=self.signature
            )
        except (ValueError, TypeError, BadSignature, ValidationError) as error:
            raise KeyRingError(
                f"{self.member}'s card has no valid signature ({error}); ask for a new card"
            ) from error
        if str(signer).lower() != self.member.lower():
            raise KeyRingError(
                f"the card of {self.member} was signed by {signer}; accept it only from the member"
            )


@dataclass(frozen=True, slots=True)
class _Wrap:
    member: str
    public_key: bytes
    sealed_key: bytes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key of one sealed file, wrapped for each member who may read it."""

    content: Cid
    key_id: bytes
    wraps: tuple[_Wrap, ...]

    @classmethod
    def make(
        cls, content: Cid, key: ContentKey, cards: Iterable[EncryptionKeyCard], *, chain_id: int
    ) -> KeyRing:
        """Wrap the key for everybody in `cards`; each card is checked first."""
        return cls(content, key.id, ())._with(key, cards, chain_id)

    @property
    def members(self) -> tuple[str, ...]:
        """The addresses that can open the content."""
        return tuple(wrap.member for wrap in self.wraps)

    def open(self, own: MemberKey) -> ContentKey:
        """The content's key, by a member's own."""
        wrap = next((one for one in self.wraps if one.public_key == own.public_key), None)
        if wrap is None:
            raise NotARecipient(
                f"the key ring of {self.content} holds no wrap for this encryption key; ask a "
                "member of the alliance to admit it, or use the key that you registered"
            )
        try:
            opened_wrap = public.SealedBox(public.PrivateKey(own.secret)).decrypt(wrap.sealed_key)
        except exceptions.CryptoError as error:
            raise WrongKey(
                f"this encryption key does not open its wrap in the key ring of {self.content}; "
                "the ring was damaged or forged, so get it again from its publisher"
            ) from error
        secret, content = opened_wrap[:32], opened_wrap[32:]
        # The wrap names its content, so that one cannot be moved into another file's ring.
        if content != self.content.binary or ContentKey(secret).id != self.key_id:
            raise WrongKey(
                f"the wrap is for other content than {self.content}; the ring was forged, so get "
                "it again from its publisher"
            )
        return ContentKey(secret)

    def admit(
        self, own: MemberKey, cards: Iterable[EncryptionKeyCard], *, chain_id: int
    ) -> KeyRing:
        """A ring that further members can open too. The content and its CID stay."""
        return self._with(self.open(own), cards, chain_id)

    def to_bytes(self) -> bytes:
        """Canonical JSON: the same ring is the same bytes, and so the same CID."""
        return json.dumps(
            {
                "format": _RING_FORMAT,
                "content": str(self.content),
                "key_id": self.key_id.hex(),
                "wraps": [
                    {
                        "member": wrap.member,
                        "public_key": wrap.public_key.hex(),
                        "sealed_key": wrap.sealed_key.hex(),
                    }
                    for wrap in self.wraps
                ],
            },
            separators=(",", ":"),
            sort_keys=True,
        ).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> KeyRing:
        """Read a ring; nothing in it is trusted until it opens."""
        try:
            if len(data) > _MAX_RING_BYTES:
                raise ValueError(f"more than {_MAX_RING_BYTES} bytes")
            if not _RING_SHAPE.fullmatch(_STRING.sub(b"", data)):
                raise ValueError("another shape")
            body = json.loads(data)
            if body["format"] != _RING_FORMAT:
                raise ValueError(f"format {body['format']!r}")
            return cls(
                Cid.parse(body["content"]),
                bytes.fromhex(body["key_id"]),
                tuple(
                    _Wrap(
                        str(wrap["member"]),
                        bytes.fromhex(wrap["public_key"]),
                        bytes.fromhex(wrap["sealed_key"]),
                    )
                    for wrap in body["wraps"]
                ),
            )
        except (ValueError, KeyError, TypeError, AttributeError, CidError) as error:
            raise KeyRingError(
                f"this is no key ring that this version reads ({error}); get it again from its "
                "publisher"
            ) from error

    def _with(self, key: ContentKey, cards: Iterable[EncryptionKeyCard], chain_id: int) -> KeyRing:
        wraps = {wrap.member.lower(): wrap for wrap in self.wraps}
        for card in cards:
            card.check(chain_id)
            try:
                sealed = public.SealedBox(public.PublicKey(card.public_key)).encrypt(
                    key.secret + self.content.binary
                )
            except (exceptions.CryptoError, exceptions.RuntimeError) as error:
                raise KeyRingError(
                    f"{card.member}'s card holds no usable key; ask the member for a new card"
                ) from error
            wraps[card.member.lower()] = _Wrap(card.member, card.public_key, sealed)
        if not wraps:
            raise KeyRingError("a key ring without members can never be opened; name at least one")
        return KeyRing(self.content, key.id, tuple(wraps[member] for member in sorted(wraps)))


def seal(source: Source, target: BinaryIO, key: ContentKey) -> None:
    """Encrypt a file; constant memory. A key must seal one file only."""
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    stream_header = bindings.crypto_secretstream_xchacha20poly1305_init_push(state, key.secret)
    header = _MAGIC + key.id + stream_header
    target.write(header)
    with opened(source) as stream:
        piece = _read_full(stream, _MESSAGE_BYTES)
        while True:
            following = _read_full(stream, _MESSAGE_BYTES) if piece else b""
            tag = _MORE if following else _FINAL
            target.write(
                bindings.crypto_secretstream_xchacha20poly1305_push(state, piece, header, tag)
            )
            if not following:
                return
            piece = following


def unseal(source: Source, target: Target, key: ContentKey) -> int:
    """Decrypt a file; return its length.

    A path appears only when all of it was authentic; a stream has received an authentic beginning
    if an error is raised.
    """
    if isinstance(target, Path):
        with whole_or_nothing(target) as file:
            return unseal(source, file, key)
    total = 0
    with opened(source) as stream:
        for piece in _opened_messages(stream, key):
            target.write(piece)
            total += len(piece)
    return total


def add_sealed(
    store: ContentStore,
    source: Source,
    cards: Iterable[EncryptionKeyCard],
    *,
    chain_id: int,
    pin: bool = True,
) -> KeyRing:
    """Seal a file under a new key and keep it; the ring names its CID."""
    key = ContentKey.generate()
    checked = list(cards)
    for card in checked:
        card.check(chain_id)
    with _scratch() as sealed:
        seal(source, sealed, key)
        sealed.seek(0)
        content = store.add(sealed, pin=pin)
    return KeyRing.make(content, key, checked, chain_id=chain_id)


def fetch_sealed(store: ContentStore, ring: KeyRing, own: MemberKey, target: Target) -> int:
    """Fetch, verify and open the content of a ring; return its length."""
    key = ring.open(own)
    with _scratch() as sealed:
        store.fetch_to(ring.content, sealed)
        sealed.seek(0)
        return unseal(sealed, target, key)


def reseal(
    store: ContentStore,
    ring: KeyRing,
    own: MemberKey,
    cards: Iterable[EncryptionKeyCard],
    *,
    chain_id: int,
) -> KeyRing:
    """The same content under a new key, for the members in `cards` alone: after an expulsion.

    The sealed bytes are new and so is their CID. Whoever held the old key keeps what it opened;
    unpin the old content where nobody needs it.
    """
    with _scratch() as plain:
        fetch_sealed(store, ring, own, plain)
        plain.seek(0)
        return add_sealed(store, plain, cards, chain_id=chain_id)


def _opened_messages(stream: BinaryIO, key: ContentKey) -> Iterator[bytes]:
    header = _read_full(stream, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise SealDamaged("this is no sealed file; check that its CID is that of a sealed version")
    if header[len(_MAGIC) :][:_KEY_ID_BYTES] != key.id:
        raise WrongKey(
            "this key is not the one that the content was sealed with; open the key ring that "
            "belongs to this CID"
        )
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    bindings.crypto_secretstream_xchacha20poly1305_init_pull(
        state, header[-_STREAM_HEADER_BYTES:], key.secret
    )
    tag = _MORE
    while tag != _FINAL:
        message = _read_full(stream, _SEALED_MESSAGE_BYTES)
        try:
            piece, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, message, header)
        except (exceptions.CryptoError, exceptions.ValueError) as error:
            raise SealDamaged(
                "the sealed content was changed or cut short after it was sealed; fetch it again, "
                "and ask its publisher if that does not help"
            ) from error
        yield piece
    if stream.read(1):
        raise SealDamaged("bytes follow the end of the sealed content; ask its publisher for it")


def _read_full(stream: BinaryIO, size: int) -> bytes:
    """`size` bytes unless the stream ends first: unbuffered streams may give fewer at a time."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@contextmanager
def _scratch() -> Iterator[BinaryIO]:
    """A file without a name, which vanishes with the process."""
    with tempfile.TemporaryFile() as file:
        yield cast(BinaryIO, file)
