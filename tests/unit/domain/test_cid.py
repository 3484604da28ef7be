"""Content ids against vectors that IPFS nodes print, and against their own other spellings."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.cid import (
    DEFAULT_PROFILE,
    Block,
    Cid,
    CidError,
    Codec,
    DagError,
    DagLink,
    FileBuilder,
    Profile,
    cid_of,
    decode_file_node,
    encode_file_node,
)

# `ipfs add --only-hash --cid-version=1 --chunker=size-262144` of Kubo 0.43.0; the longer ones are
# of a keystream that tests/integration/storage makes again beside a real node.
EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
HELLO = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"
EMPTY_FOLDER_V0 = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"

digests = st.binary(min_size=32, max_size=32)
cids = st.builds(Cid, st.sampled_from(Codec), digests)


def build(data: bytes, profile: Profile = DEFAULT_PROFILE, step: int = 1 << 20) -> list[Block]:
    builder = FileBuilder(profile)
    blocks = [
        block for at in range(0, len(data), step) for block in builder.feed(data[at : at + step])
    ]
    blocks.extend(builder.finish())
    assert blocks[-1].cid == builder.root
    return blocks


def test_cid_of__known_bytes__is_what_nodes_print() -> None:
    assert str(cid_of(b"")) == EMPTY
    assert str(cid_of(b"hello world\n")) == HELLO


@given(cids)
def test_parse__every_spelling__is_the_same_cid(cid: Cid) -> None:
    assert Cid.from_bytes(cid.binary) == cid
    assert len(cid.binary) == 36
    spellings = (str(cid), cid.base58, "f" + cid.binary.hex(), "B" + str(cid)[1:].upper())
    for text in (*spellings, f"ipfs://{cid}", f"/ipfs/{cid}"):
        assert Cid.parse(text) == cid


def test_parse__version_0__is_the_dag_pb_cid_of_the_same_digest() -> None:
    cid = Cid.parse(EMPTY_FOLDER_V0)
    assert cid.codec is Codec.DAG_PB
    assert cid.digest.hex() == "59948439065f29619ef41280cbb932be52c56d99c5966b65e0111239f098bbef"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("hello", "not a CID"),
        ("b0189", "base32 lacks"),
        (EMPTY[:-1], "whole bytes"),
        (EMPTY[:-1] + "v", "stray bits"),
        (EMPTY + "/file", "base32 lacks"),
        ("Qm" + "1" * 44, "not a CIDv0"),
        ("z0OIl", "base58 lacks"),
        ("fAB", "base16"),
        ("b" * 200, "at most"),
        # dag-cbor, blake2b-256 and version 2.
        ("f01711220" + "00" * 32, "codec 0x71"),
        ("f0155b220" + "00" * 32, "hash function"),
        ("f02551220" + "00" * 32, "version 2"),
    ],
)
def test_parse__no_cid_of_ours__says_why(text: str, reason: str) -> None:
    with pytest.raises(CidError, match=reason):
        Cid.parse(text)


@given(st.text(max_size=80))
def test_parse__any_text__is_a_cid_or_an_error_of_ours(text: str) -> None:
    try:
        cid = Cid.parse(text)
    except CidError:
        return
    assert Cid.parse(str(cid)) == cid


def test_cid__short_digest__is_refused() -> None:
    with pytest.raises(CidError, match="32 bytes"):
        Cid(Codec.RAW, b"short")


def test_matches__bytes_of_another_block__are_refused() -> None:
    cid = cid_of(b"right")
    assert cid.matches(b"right")
    assert not cid.matches(b"wrong")


@given(st.binary(max_size=4000), st.integers(1, 700))
def test_file_builder__any_pieces__make_the_same_blocks(data: bytes, step: int) -> None:
    profile = Profile("small", chunk_bytes=16, max_links=3)
    assert build(data, profile, step) == build(data, profile, 4000)


@given(st.binary(max_size=4000))
def test_file_builder__blocks__decode_to_the_file(data: bytes) -> None:
    profile = Profile("small", chunk_bytes=16, max_links=3)
    blocks = {block.cid: block.data for block in build(data, profile)}

    def read(cid: Cid, depth: int) -> tuple[bytes, set[int]]:
        assert cid.matches(blocks[cid])
        node = decode_file_node(cid, blocks[cid])
        assert len(node.links) <= profile.max_links
        if not node.links:
            return node.inline, {depth}
        parts = [read(link.cid, depth + 1) for link in node.links]
        whole = node.inline + b"".join(part for part, _ in parts)
        assert node.file_bytes == len(whole)
        return whole, set().union(*(depths for _, depths in parts))

    whole, depths = read(build(data, profile)[-1].cid, 0)
    assert whole == data
    assert len(depths) == 1, "every leaf lies equally deep"


def test_file_builder__one_chunk__is_a_raw_leaf() -> None:
    assert build(bytes(262_144))[-1].cid.codec is Codec.RAW
    assert build(bytes(262_145))[-1].cid.codec is Codec.DAG_PB


def test_file_builder__full_node__is_the_root_until_one_more_chunk() -> None:
    profile = Profile("small", chunk_bytes=1, max_links=4)
    assert len(build(bytes(4), profile)) == 4 + 1
    assert len(build(bytes(5), profile)) == 5 + 2 + 1
    assert len(build(bytes(16), profile)) == 16 + 4 + 1
    assert len(build(bytes(17), profile)) == 17 + 5 + 2 + 1


def test_file_builder__asked_too_early_or_fed_too_late__says_so() -> None:
    builder = FileBuilder()
    with pytest.raises(DagError, match="not finished"):
        _ = builder.root
    list(builder.finish())
    with pytest.raises(DagError, match="finished"):
        list(builder.feed(b"x"))
    with pytest.raises(DagError, match="finished"):
        list(builder.finish())


def test_profile__no_room_for_a_file__is_refused() -> None:
    with pytest.raises(DagError, match="at least"):
        Profile("none", chunk_bytes=0, max_links=174)
    with pytest.raises(DagError, match="at least"):
        Profile("none", chunk_bytes=1, max_links=1)


def node_of(data: bytes) -> Cid:
    return Cid(Codec.DAG_PB, hashlib.sha256(data).digest())


LEAF = cid_of(b"leaf")
GOOD = encode_file_node((DagLink(LEAF, 4, 4), DagLink(LEAF, 4, 4)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xff", "cut short"),
        (b"\x80\x00", "padded"),
        (b"\xff" * 12, "63 bits"),
        (b"\x0a\x05abc", "cut short"),
        (b"\x0b", "wire type 3"),
        (b"\x1a\x00", "field 3"),
        (b"\x12\x02\x12\x00", "names no CID"),
        (b"\x12\x02\x22\x00", "link has no field 4"),
        (b"\x0a\x02\x08\x01", "a directory"),
        (b"\x0a\x02\x08\x09", "of kind 9"),
        (b"\x0a\x02\x18\x00", "no UnixFS node"),
        (b"\x0a\x04\x08\x02\x20\x04", "1 sizes for 0 children"),
        (b"\x0a\x04\x08\x02\x18\x09", "declares 9 bytes"),
        (encode_file_node((DagLink(LEAF, 0, 4),)), "empty child"),
        (GOOD[:-1], "cut short"),
    ],
)
def test_decode_file_node__no_file__says_why(data: bytes, reason: str) -> None:
    with pytest.raises(DagError, match=reason):
        decode_file_node(node_of(data), data)


@given(st.binary(max_size=200))
def test_decode_file_node__any_bytes__are_a_node_or_an_error_of_ours(data: bytes) -> None:
    with suppress(DagError, CidError):
        decode_file_node(node_of(data), data)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_decode_file_node__one_changed_byte__is_a_node_or_an_error_of_ours(
    at: int, by: int
) -> None:
    data = bytearray(GOOD)
    data[at] ^= by
    try:
        node = decode_file_node(node_of(data), bytes(data))
    except (DagError, CidError):
        return
    assert node.file_bytes == sum(link.file_bytes for link in node.links) + len(node.inline)


def test_decode_file_node__packed_sizes_and_a_version_0_link__are_read() -> None:
    link = b"\x0a\x22\x12\x20" + LEAF.digest + b"\x12\x00\x18\x0c"
    unixfs = b"\x08\x02\x18\x08\x22\x01\x08"
    data = b"\x12" + bytes((len(link),)) + link + b"\x0a" + bytes((len(unixfs),)) + unixfs
    node = decode_file_node(node_of(data), data)
    assert node.links == (DagLink(Cid(Codec.DAG_PB, LEAF.digest), 8, 12),)
