"""A proxy before a real node that lies: no false byte is accepted, and each lie has its error."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cairn.domain.cid import Block, Cid, cid_of
from cairn.storage import (
    CidMismatch,
    CorruptBlock,
    EmbeddedStore,
    IpfsStore,
    NodeTimeout,
    ReplicatedStore,
    TruncatedBlock,
)

if TYPE_CHECKING:
    from tests.integration.storage.conftest import Lie, LyingProxy

pytestmark = pytest.mark.requires("kubo")

CONTENT = random.Random(31).randbytes(3 * 262_144 + 9)
OTHER = random.Random(32).randbytes(3 * 262_144 + 9)
ROOT = cid_of(CONTENT)
SMALL = b"a block that is a whole file"


def flipped(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes((body[middle] ^ 0x10,)) + body[middle + 1 :]


def only(call: str, lie: Lie) -> Lie:
    return lambda asked, body: lie(asked, body) if asked == call else body


@pytest.fixture(autouse=True)
def content(node: IpfsStore) -> None:
    """The node itself is honest and has it all; the lies begin at the proxy."""
    node.add(CONTENT)
    node.add(OTHER)
    node.add(SMALL)


@pytest.mark.parametrize("call", ["block/get", "cat"])
def test_fetch__flipped_byte__is_corrupt(
    proxy: LyingProxy, proxied: IpfsStore, tmp_path: Path, call: str
) -> None:
    proxy.lie = only(call, lambda asked, body: flipped(body))
    with pytest.raises(CorruptBlock):
        proxied.fetch_to(ROOT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_fetch__short_stream__is_truncated(
    proxy: LyingProxy, proxied: IpfsStore, tmp_path: Path
) -> None:
    proxy.lie = only("cat", lambda asked, body: body[:400_000])
    with pytest.raises(TruncatedBlock, match="of 262144"):
        proxied.fetch_to(ROOT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("call", ["block/get", "cat"])
def test_fetch__connection_cut__is_truncated(
    proxy: LyingProxy, proxied: IpfsStore, tmp_path: Path, call: str
) -> None:
    proxy.cut_connection = True
    proxy.lie = only(call, lambda asked, body: body[: len(body) // 2])
    with pytest.raises(TruncatedBlock):
        proxied.fetch_to(ROOT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("call", ["block/get", "cat"])
def test_fetch__silence__is_a_time_out(
    proxy: LyingProxy, proxied: IpfsStore, tmp_path: Path, call: str
) -> None:
    proxy.lie = only(call, lambda asked, body: None)
    with pytest.raises(NodeTimeout):
        proxied.fetch_to(ROOT, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_fetch__another_files_bytes__are_corrupt(
    proxy: LyingProxy, proxied: IpfsStore, node: IpfsStore
) -> None:
    other = node.get_block(cid_of(OTHER))
    proxy.lie = only("block/get", lambda asked, body: other)
    with pytest.raises(CorruptBlock):
        proxied.fetch(ROOT)
    proxy.lie = only("cat", lambda asked, body: OTHER)
    with pytest.raises(CorruptBlock):
        proxied.fetch(ROOT)


@pytest.mark.parametrize("key", ["Hash", "Key", "Pins"])
def test_add_put_pin__another_cid_answered__fails_closed(
    proxy: LyingProxy, proxied: IpfsStore, key: str
) -> None:
    fresh = random.Random(key).randbytes(1000)

    def lie(call: str, body: bytes) -> bytes:
        answer = json.loads(body)
        answer[key] = [str(ROOT)] if key == "Pins" else str(ROOT)
        return json.dumps(answer).encode()

    proxy.lie = lie
    with pytest.raises(CidMismatch, match="nothing was pinned" if key != "Pins" else str(ROOT)):
        if key == "Hash":
            proxied.add(fresh)
        elif key == "Key":
            proxied.put_block(Block(cid_of(SMALL), SMALL))
        else:
            proxied.pin(cid_of(SMALL))
    proxy.lie = lambda call, body: body
    assert not proxied.is_pinned(cid_of(fresh))


def test_add__node_ignores_what_it_is_asked__fails_closed(
    proxy: LyingProxy, proxied: IpfsStore, node: IpfsStore
) -> None:
    answers: list[Cid] = []

    def lie(call: str, body: bytes) -> bytes:
        # As a node would that cuts by its own default: the CID of other chunks.
        other = cid_of(CONTENT[:-1])
        answers.append(other)
        return json.dumps({**json.loads(body), "Hash": str(other)}).encode()

    proxy.lie = only("add", lie)
    with pytest.raises(CidMismatch, match="chunker"):
        proxied.add(b"fresh content")
    assert len(answers) == 1


def test_replicas__lying_node_first__yields_the_folders_bytes(
    proxy: LyingProxy, proxied: IpfsStore, tmp_path: Path
) -> None:
    embedded = EmbeddedStore(tmp_path / "store")
    embedded.add(CONTENT)
    both = ReplicatedStore([proxied, embedded])
    for lie in (lambda call, body: flipped(body), lambda call, body: body[:100]):
        proxy.lie = only("block/get", lie)
        assert both.fetch(ROOT) == CONTENT
        both.fetch_to(ROOT, tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == CONTENT
