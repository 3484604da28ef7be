"""Content identifiers and UnixFS files, computed without a node and without I/O.

A CID names bytes by their hash, so whoever holds it can check what it was given. The forms here are
those that IPFS nodes use: CIDv1 with sha2-256 over a raw block or a dag-pb node, and files laid out
as balanced UnixFS trees. Contracts hold the *binary* CIDv1, which is always 36 bytes.

Sources: multiformats' CID, multibase and multihash tables; the dag-pb and UnixFS specifications of
IPFS; the layout of `ipfs add --cid-version=1 --raw-leaves --chunker=size-262144`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from cairn.errors import CairnError

__all__ = [
    "BINARY_CID_BYTES",
    "DEFAULT_PROFILE",
    "Block",
    "Cid",
    "CidError",
    "Codec",
    "DagError",
    "DagLink",
    "DagNode",
    "FileBuilder",
    "Profile",
    "cid_of",
    "decode_dag_pb",
    "decode_file_node",
    "encode_file_node",
]

BINARY_CID_BYTES: Final = 36
"""Length of a binary CIDv1 over sha2-256: version, codec, hash code, hash length, digest."""

_DIGEST_BYTES: Final = 32
_SHA2_256: Final = 0x12
_CID_VERSION: Final = 1
_MAX_TEXT_CHARS: Final = 128
"""More than any textual form of a 36-byte CID takes; longer input is refused before decoding."""

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE: Final = {character: value for value, character in enumerate(_BASE58)}


class CidError(CairnError, ValueError):
    """The text or bytes are not a CID that Cairn reads."""


class DagError(CairnError, ValueError):
    """A block is not the UnixFS file node that its place in a file demands."""


class Codec(IntEnum):
    """What the bytes of a block are: a multicodec number."""

    RAW = 0x55
    DAG_PB = 0x70


@dataclass(frozen=True, slots=True, order=True)
class Cid:
    """A content identifier: a codec and the sha2-256 digest of a block.

    Equality is over these two and not over a spelling, so one CID read from base58 and again from
    base32 is the same value.
    """

    codec: Codec
    digest: bytes

    def __post_init__(self) -> None:
        if len(self.digest) != _DIGEST_BYTES:
            raise CidError(
                f"a sha2-256 digest has {_DIGEST_BYTES} bytes, not {len(self.digest)}; "
                "pass the digest alone, without its multihash prefix"
            )

    @classmethod
    def from_bytes(cls, data: bytes) -> Cid:
        """Read the binary form that contracts hold: 36 bytes of CIDv1."""
        if len(data) != BINARY_CID_BYTES:
            raise CidError(
                f"a binary CID has {BINARY_CID_BYTES} bytes, not {len(data)}; "
                "only CIDv1 with sha2-256 is used here"
            )
        version, codec, hash_code, hash_length = data[:4]
        if version != _CID_VERSION:
            raise CidError(f"CID version {version} is unknown; pass a CIDv1")
        if hash_code != _SHA2_256 or hash_length != _DIGEST_BYTES:
            raise CidError(
                f"hash function 0x{hash_code:x} of {hash_length} bytes is not accepted; "
                "add the content again with sha2-256"
            )
        return cls(_codec(codec), data[4:])

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read a CID in text: base32, base58 or base16 CIDv1, or a CIDv0 (`Qm...`).

        An `ipfs://` or `/ipfs/` before it is allowed; a path after it is not.
        """
        bare = text.strip().removeprefix("ipfs://").removeprefix("/ipfs/")
        if not bare:
            raise CidError("the CID is empty; pass one such as bafybei... or Qm...")
        if len(bare) > _MAX_TEXT_CHARS:
            raise CidError(f"a CID has at most {_MAX_TEXT_CHARS} characters, not {len(bare)}")
        if len(bare) == 46 and bare.startswith("Qm"):
            multihash = _from_base58(bare)
            if multihash[:2] != bytes((_SHA2_256, _DIGEST_BYTES)):
                raise CidError(f"{bare!r} is not a CIDv0; check that it was copied whole")
            return cls(Codec.DAG_PB, multihash[2:])
        base, body = bare[0], bare[1:]
        if base == "b":
            return cls.from_bytes(_from_base32(body))
        if base == "B":
            return cls.from_bytes(_from_base32(body.lower() if body.isupper() else body))
        if base == "z":
            return cls.from_bytes(_from_base58(body))
        if base == "f":
            return cls.from_bytes(_from_base16(body))
        raise CidError(
            f"{bare!r} is not a CID in base32, base58 or base16; check that it was copied whole"
        )

    @property
    def binary(self) -> bytes:
        """The 36 bytes that contracts hold."""
        return bytes((_CID_VERSION, self.codec, _SHA2_256, _DIGEST_BYTES)) + self.digest

    @property
    def base58(self) -> str:
        """The multibase base58btc spelling, which some nodes answer with."""
        return "z" + _to_base58(self.binary)

    def matches(self, data: bytes | memoryview) -> bool:
        """Whether `data` is the block of this CID."""
        return hashlib.sha256(data).digest() == self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(self.binary).decode("ascii").rstrip("=").lower()

    def __repr__(self) -> str:
        return f"Cid({self})"


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a file: its bytes, and the CID that they hash to."""

    cid: Cid
    data: bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """How a file is cut and linked. The same bytes under another profile have another CID.

    `chunk_bytes` is the length of a leaf, `max_links` the most children that a node has. Leaves
    are raw blocks.
    """

    name: str
    chunk_bytes: int
    max_links: int

    def __post_init__(self) -> None:
        if self.chunk_bytes < 1 or self.max_links < 2:
            raise DagError(
                f"profile {self.name!r} wants chunks of at least 1 byte and at least 2 links a node"
            )


DEFAULT_PROFILE: Final = Profile(name="unixfs-v1-256k-174", chunk_bytes=262_144, max_links=174)
"""The profile of everything that Cairn publishes; its name is recorded beside each CID."""


@dataclass(frozen=True, slots=True)
class DagLink:
    """A child of a file node: its CID, the bytes of the file below it, and of the whole tree."""

    cid: Cid
    file_bytes: int
    tree_bytes: int


@dataclass(frozen=True, slots=True)
class DagNode:
    """A UnixFS file node: bytes of its own, then its children in order."""

    inline: bytes
    links: tuple[DagLink, ...]

    @property
    def file_bytes(self) -> int:
        """Length of the file that this node stands for."""
        return len(self.inline) + sum(link.file_bytes for link in self.links)


def cid_of(data: bytes, profile: Profile = DEFAULT_PROFILE) -> Cid:
    """The CID of a file with these bytes."""
    builder = FileBuilder(profile)
    for _ in builder.feed(data):
        pass
    for _ in builder.finish():
        pass
    return builder.root


class FileBuilder:
    """Builds the balanced UnixFS tree of a file from its bytes, as they come.

    `feed` and `finish` yield blocks, children before their parents, the root last; after `finish`
    the CID is `root`. Memory stays at one chunk and one list of links for each level.
    Both are generators: exhaust the one before calling the next.
    """

    def __init__(self, profile: Profile = DEFAULT_PROFILE) -> None:
        self._profile = profile
        self._pending = bytearray()
        self._levels: list[list[DagLink]] = [[]]
        self._root: Cid | None = None
        self._fed_bytes = 0

    @property
    def root(self) -> Cid:
        """The CID of the whole file; known once `finish` was exhausted."""
        if self._root is None:
            raise DagError("the file is not finished; exhaust finish() before asking for its CID")
        return self._root

    @property
    def fed_bytes(self) -> int:
        """Bytes taken so far."""
        return self._fed_bytes

    def feed(self, data: bytes | memoryview) -> Iterator[Block]:
        """Take more bytes of the file; yield the blocks that they complete."""
        if self._root is not None:
            raise DagError("the file is finished; start a new builder for another one")
        view = memoryview(data)
        self._fed_bytes += len(view)
        size = self._profile.chunk_bytes
        if self._pending:
            wanted = size - len(self._pending)
            self._pending += view[:wanted]
            view = view[wanted:]
            if len(self._pending) < size:
                return
            yield from self._leaf(bytes(self._pending))
            self._pending.clear()
        while len(view) >= size:
            yield from self._leaf(bytes(view[:size]))
            view = view[size:]
        self._pending += view

    def finish(self) -> Iterator[Block]:
        """End the file; yield the remaining blocks, the root last."""
        if self._root is not None:
            raise DagError("the file is finished already; its CID is in root")
        if self._pending or self._fed_bytes == 0:
            yield from self._leaf(bytes(self._pending))
            self._pending.clear()
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            yield from self._close(level)
            level += 1
        self._root = self._levels[level][0].cid

    def _leaf(self, data: bytes) -> Iterator[Block]:
        block = Block(Cid(Codec.RAW, hashlib.sha256(data).digest()), data)
        yield block
        yield from self._append(0, DagLink(block.cid, len(data), len(data)))

    def _append(self, level: int, link: DagLink) -> Iterator[Block]:
        if level == len(self._levels):
            self._levels.append([])
        # A full level is closed only when one more child comes: a lone full node is the root.
        if len(self._levels[level]) == self._profile.max_links:
            yield from self._close(level)
        self._levels[level].append(link)

    def _close(self, level: int) -> Iterator[Block]:
        links = tuple(self._levels[level])
        self._levels[level] = []
        data = encode_file_node(links)
        block = Block(Cid(Codec.DAG_PB, hashlib.sha256(data).digest()), data)
        yield block
        yield from self._append(
            level + 1,
            DagLink(
                block.cid,
                sum(link.file_bytes for link in links),
                sum(link.tree_bytes for link in links) + len(data),
            ),
        )


# dag-pb: PBNode {Data = 1, Links = 2}, PBLink {Hash = 1, Name = 2, Tsize = 3}.
# UnixFS: Data {Type = 1, Data = 2, filesize = 3, blocksizes = 4}.
_UNIXFS_RAW: Final = 0
_UNIXFS_FILE: Final = 2
_UNIXFS_KINDS: Final = {
    1: "a directory",
    3: "metadata",
    4: "a symbolic link",
    5: "a sharded folder",
}
_VARINT, _LENGTH_DELIMITED = 0, 2
_MAX_VARINT_BYTES: Final = 9
"""Enough for 63 bits; a longer one is not a length that a file can have."""


def encode_file_node(links: tuple[DagLink, ...]) -> bytes:
    """The dag-pb bytes of an inner file node, as IPFS nodes write them: links first, then data."""
    out = bytearray()
    for link in links:
        cid = link.cid.binary
        body = _tag(1, _LENGTH_DELIMITED) + _uvarint(len(cid)) + cid
        # The name is empty and is written all the same.
        body += _tag(2, _LENGTH_DELIMITED) + _uvarint(0)
        body += _tag(3, _VARINT) + _uvarint(link.tree_bytes)
        out += _tag(2, _LENGTH_DELIMITED) + _uvarint(len(body)) + body
    data = bytearray(_tag(1, _VARINT) + _uvarint(_UNIXFS_FILE))
    data += _tag(3, _VARINT) + _uvarint(sum(link.file_bytes for link in links))
    for link in links:
        data += _tag(4, _VARINT) + _uvarint(link.file_bytes)
    out += _tag(1, _LENGTH_DELIMITED) + _uvarint(len(data)) + data
    return bytes(out)


def decode_dag_pb(block: bytes) -> tuple[bytes, tuple[tuple[Cid, int], ...]]:
    """Split a dag-pb node into its data and its links, each a CID and the bytes of its tree."""
    data: bytes | None = None
    links: list[tuple[Cid, int]] = []
    for number, value in _fields(block):
        if number == 2 and isinstance(value, bytes):
            links.append(_link(value))
        elif number == 1 and isinstance(value, bytes) and data is None:
            data = value
        else:
            raise DagError(
                f"a dag-pb node has no field {number} of this kind; the block is no node"
            )
    return data or b"", tuple(links)


def decode_file_node(cid: Cid, block: bytes) -> DagNode:
    """Read a block as a node of a file. The caller has checked its hash.

    Raises DagError for what is not a file, and for a node whose declared sizes contradict each
    other or that has an empty child: no writer makes those, and a walk over them need not end.
    """
    if cid.codec is Codec.RAW:
        return DagNode(block, ())
    data, links = decode_dag_pb(block)
    kind: int | None = None
    inline = b""
    file_bytes: int | None = None
    sizes: list[int] = []
    for number, value in _fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            inline = value
        elif number == 3 and isinstance(value, int):
            file_bytes = value
        elif number == 4 and isinstance(value, int):
            sizes.append(value)
        elif number == 4 and isinstance(value, bytes):
            sizes.extend(_packed(value))
        # Mode and modification time (7 and 8), which newer writers may add, change no byte.
    if kind not in (_UNIXFS_RAW, _UNIXFS_FILE):
        what = "no UnixFS node" if kind is None else _UNIXFS_KINDS.get(kind, f"of kind {kind}")
        raise DagError(f"{cid} is {what}; name the CID of a single file")
    if len(sizes) != len(links):
        raise DagError(
            f"{cid} declares {len(sizes)} sizes for {len(links)} children; it is malformed, "
            "so ask its publisher to add the file again"
        )
    if any(size == 0 for size in sizes):
        raise DagError(f"{cid} has an empty child; ask its publisher to add the file again")
    node = DagNode(
        inline,
        tuple(DagLink(child, size, tree) for (child, tree), size in zip(links, sizes, strict=True)),
    )
    if file_bytes is not None and file_bytes != node.file_bytes:
        raise DagError(
            f"{cid} declares {file_bytes} bytes and its parts sum to {node.file_bytes}; it is "
            "malformed, so ask its publisher to add the file again"
        )
    return node


def _link(body: bytes) -> tuple[Cid, int]:
    cid: Cid | None = None
    tree_bytes = 0
    for number, value in _fields(body):
        if number == 1 and isinstance(value, bytes):
            cid = _cid_in_link(value)
        elif number == 3 and isinstance(value, int):
            tree_bytes = value
        elif number != 2:
            raise DagError(f"a dag-pb link has no field {number}; the block is no node")
    if cid is None:
        raise DagError("a dag-pb link names no CID; the block is no node")
    return cid, tree_bytes


def _cid_in_link(value: bytes) -> Cid:
    if len(value) == _DIGEST_BYTES + 2 and value[:2] == bytes((_SHA2_256, _DIGEST_BYTES)):
        return Cid(Codec.DAG_PB, value[2:])
    try:
        return Cid.from_bytes(value)
    except CidError as error:
        raise DagError(f"a child of the node cannot be read: {error}") from error


def _codec(number: int) -> Codec:
    try:
        return Codec(number)
    except ValueError as error:
        raise CidError(
            f"codec 0x{number:x} is not accepted; only raw blocks and UnixFS files (dag-pb) are"
        ) from error


def _tag(number: int, wire_type: int) -> bytes:
    return bytes((number << 3 | wire_type,))


def _uvarint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_uvarint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if at + index >= len(data):
            raise DagError("a protobuf number is cut short; the block is no node")
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if byte == 0 and index:
                raise DagError("a protobuf number is padded; the block is no canonical node")
            return value, at + index + 1
    raise DagError("a protobuf number has more than 63 bits; the block is no node")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_uvarint(data, at)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, at = _read_uvarint(data, at)
            yield number, value
        elif wire_type == _LENGTH_DELIMITED:
            length, at = _read_uvarint(data, at)
            if length > len(data) - at:
                raise DagError("a protobuf field is cut short; the block is no node")
            yield number, data[at : at + length]
            at += length
        elif wire_type == 5 and len(data) - at >= 4:
            # A fixed32, as in the nanoseconds of a modification time.
            yield number, int.from_bytes(data[at : at + 4], "little")
            at += 4
        else:
            raise DagError(
                f"protobuf wire type {wire_type} has no place here; the block is no node"
            )


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _read_uvarint(data, at)
        yield value


def _from_base32(body: str) -> bytes:
    if not re.fullmatch("[a-z2-7]+", body):
        raise CidError(
            f"'b{body}' has characters that base32 lacks; check that it was copied whole"
        )
    try:
        data = base64.b32decode(body.upper() + "=" * (-len(body) % 8))
    except ValueError as error:
        raise CidError(f"'b{body}' is not base32 of whole bytes; copy it again") from error
    if base64.b32encode(data).decode("ascii").rstrip("=").lower() != body:
        raise CidError(f"'b{body}' ends in stray bits; copy it again from where it was published")
    return data


def _from_base16(body: str) -> bytes:
    if not re.fullmatch("(?:[0-9a-f]{2})+", body):
        raise CidError(f"'f{body}' is not base16 in lower case; check that it was copied whole")
    return bytes.fromhex(body)


def _from_base58(body: str) -> bytes:
    value = 0
    for character in body:
        digit = _BASE58_VALUE.get(character)
        if digit is None:
            raise CidError(
                f"{body!r} has characters that base58 lacks; check that it was copied whole"
            )
        value = value * 58 + digit
    zeros = len(body) - len(body.lstrip(_BASE58[0]))
    return bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")


def _to_base58(data: bytes) -> str:
    value = int.from_bytes(data, "big")
    digits: list[str] = []
    while value:
        value, digit = divmod(value, 58)
        digits.append(_BASE58[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _BASE58[0] * zeros + "".join(reversed(digits))
