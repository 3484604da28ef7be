"""The IPFS store against a scripted node: every way of answering wrongly has its own error."""

from __future__ import annotations

import hashlib
import json
import random
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.cid import Block, Cid, Codec, cid_of
from cairn.storage import (
    CidMismatch,
    ContentNotFound,
    ContentStore,
    CorruptBlock,
    IpfsStore,
    IpfsTimeouts,
    LimitExceeded,
    Limits,
    MemoryStore,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    TruncatedBlock,
)
from cairn.storage._bounded import FailedAnswer, StrangeAnswer, _Chunks

CONTENT = random.Random(15).randbytes(2 * 262_144 + 100)
ROOT = cid_of(CONTENT)
BLOCK = b"one small block"
CID = cid_of(BLOCK)

Script = Callable[[str, dict[str, str]], Iterator[bytes]]


def plain(body: bytes, *, status: str = "200 OK", more: str = "", length: int = -1) -> bytes:
    size = len(body) if length < 0 else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{more}\r\n".encode() + body


def chunked(body: bytes, *, step: int = 4096, end: bytes = b"0\r\n\r\n") -> bytes:
    out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for at in range(0, len(body), step):
        part = body[at : at + step]
        out += b"%x\r\n%b\r\n" % (len(part), part)
    return out + end


def answer(body: object) -> bytes:
    return chunked(json.dumps(body).encode() + b"\n")


def failure(message: str) -> bytes:
    body = json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode()
    return plain(body, status="500 Internal Server Error")


class Node:
    """A server whose every answer is written by the test, byte for byte."""

    def __init__(self) -> None:
        self.script: Script = lambda call, args: iter(())
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.released = threading.Event()
        node = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                node.connections += 1
                while head := self._head():
                    url = urlsplit(head.split()[1])
                    args = {key: value[0] for key, value in parse_qs(url.query).items()}
                    call = url.path.removeprefix("/api/v0/")
                    node.calls.append((call, args))
                    try:
                        for part in node.script(call, args):
                            self.wfile.write(part)
                            self.wfile.flush()
                    except OSError:
                        return
                    if node.released.is_set():
                        return

            def _head(self) -> str:
                lines = []
                while (line := self.rfile.readline().decode()).strip():
                    lines.append(line)
                if "chunked" in "".join(lines).lower():
                    while size := int(self.rfile.readline(), 16):
                        self.rfile.read(size + 2)
                    self.rfile.readline()
                return lines[0] if lines else ""

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def says(self, *parts: bytes) -> None:
        self.script = lambda call, args: iter(parts)

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def node() -> Iterator[Node]:
    node = Node()
    yield node
    node.stop()


@pytest.fixture
def store(node: Node) -> Iterator[IpfsStore]:
    """With patience enough for a machine that is busy with other things."""
    store = IpfsStore(
        f"/ip4/127.0.0.1/tcp/{node.port}/http",
        timeouts=IpfsTimeouts(connect_s=20, silence_s=20, answer_s=40, server_s=0.3),
    )
    yield store
    store.close()


@pytest.fixture
def impatient(node: Node) -> Iterator[IpfsStore]:
    store = IpfsStore(
        f"/ip4/127.0.0.1/tcp/{node.port}/http",
        timeouts=IpfsTimeouts(connect_s=2, silence_s=0.4, answer_s=0.8, server_s=0.3),
    )
    yield store
    store.close()


def test_store__is_a_content_store(store: IpfsStore) -> None:
    assert isinstance(store, ContentStore)


@pytest.mark.parametrize(
    "said", [plain(BLOCK), chunked(BLOCK, step=4), b"HTTP/1.1 200 OK\r\n\r\n" + BLOCK], ids=str
)
def test_get_block__any_framing__is_read(store: IpfsStore, node: Node, said: bytes) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        for at in range(len(said)):
            yield said[at : at + 1]
        if b"Length" not in said and b"chunked" not in said:
            node.released.set()

    node.script = script
    assert store.get_block(CID) == BLOCK
    ((call, args),) = node.calls
    assert (call, args["arg"], args["timeout"]) == ("block/get", str(CID), "300ms")


@pytest.mark.parametrize("said", [plain(BLOCK), chunked(BLOCK)], ids=["plain", "chunked"])
def test_get_block__many__share_one_connection(store: IpfsStore, node: Node, said: bytes) -> None:
    node.says(said)
    for _ in range(5):
        store.get_block(CID)
    assert node.connections == 1


def test_get_block__kept_connection_closed_meanwhile__is_asked_once_more(
    store: IpfsStore, node: Node
) -> None:
    """The node closes an idle connection in the moment in which it is used again."""
    answers = iter([plain(BLOCK), None, plain(BLOCK), None, None, plain(BLOCK)])

    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        said = next(answers)
        if said is None:
            raise BrokenPipeError
        yield said

    node.script = script
    assert store.get_block(CID) == store.get_block(CID) == BLOCK
    assert (node.connections, len(node.calls)) == (2, 3)
    with pytest.raises(NodeUnreachable):
        store.get_block(CID)
    assert len(node.calls) == 5, "once more, and no third time"


def test_get_block__closed_after_its_first_bytes__is_not_asked_again(
    store: IpfsStore, node: Node
) -> None:
    answers = iter([plain(BLOCK), plain(BLOCK[:3], length=len(BLOCK))])

    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        yield next(answers)
        node.released.set() if len(node.calls) == 2 else None

    node.script = script
    assert store.get_block(CID) == BLOCK
    with pytest.raises(TruncatedBlock):
        store.get_block(CID)
    assert len(node.calls) == 2


def test_add__connection_closed__is_not_sent_twice(store: IpfsStore, node: Node) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        raise BrokenPipeError
        yield b""

    node.script = script
    with pytest.raises(NodeUnreachable):
        store.add(BLOCK)
    assert [call for call, _ in node.calls] == ["add"]


def test_get_block__flipped_byte__is_corrupt(store: IpfsStore, node: Node) -> None:
    node.says(chunked(b"One small block"))
    with pytest.raises(CorruptBlock, match="thrown away"):
        store.get_block(CID)


@pytest.mark.parametrize(
    "said",
    [plain(BLOCK[:5], length=len(BLOCK)), chunked(BLOCK[:5], end=b""), chunked(BLOCK, end=b"0\r")],
    ids=["plain", "chunked", "no end"],
)
def test_get_block__connection_cut__is_truncated(store: IpfsStore, node: Node, said: bytes) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        yield said
        node.released.set()

    node.script = script
    with pytest.raises(TruncatedBlock, match="broke off"):
        store.get_block(CID)


def test_get_block__endless_answer__is_cut_off(store: IpfsStore, node: Node) -> None:
    sent = [0]

    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            sent[0] += 1
            yield b"10000\r\n" + bytes(65536) + b"\r\n"

    node.script = script
    with pytest.raises(LimitExceeded, match="do not use this node"):
        store.get_block(CID, max_bytes=1 << 20)
    assert sent[0] < 200


def test_get_block__silence__ends(impatient: IpfsStore, node: Node) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        node.released.wait(20)
        yield b""

    node.script = script
    with pytest.raises(NodeTimeout, match="ask another store"):
        impatient.get_block(CID)


def test_get_block__silence_half_way__ends(impatient: IpfsStore, node: Node) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        yield chunked(BLOCK, end=b"")
        node.released.wait(20)

    node.script = script
    with pytest.raises(NodeTimeout):
        impatient.get_block(CID)


def test_get_block__dripping__ends(impatient: IpfsStore, node: Node) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        yield plain(b"", length=1000)
        while not node.released.wait(0.05):
            yield b"."

    node.script = script
    with pytest.raises(NodeTimeout):
        impatient.get_block(CID)


@pytest.mark.parametrize(
    ("said", "error", "reason"),
    [
        (failure("block was not found locally (offline)"), ContentNotFound, "restore it"),
        (failure("ipld: could not find bafk"), ContentNotFound, "restore it"),
        (failure("context deadline exceeded"), NodeTimeout, "in time"),
        (failure("no space left"), NodeRefused, "no space left"),
        (plain(b"<html>", status="404 Not Found"), NodeRefused, "the node's API"),
        (
            plain(b"", status="307 Moved", more="Location: http://127.0.0.1:1/\r\n"),
            NodeRefused,
            "name that address itself",
        ),
        (plain(BLOCK, more="Content-Encoding: gzip\r\n"), NodeRefused, "encoding"),
        (
            chunked(BLOCK, end=b"0\r\nX-Stream-Error: disk on fire\r\n\r\n"),
            NodeRefused,
            "disk on fire",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", NodeRefused, "length"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", NodeUnreachable, "correct its address"),
    ],
)
def test_get_block__node_refuses_or_is_none__says_so(
    store: IpfsStore, node: Node, said: bytes, error: type[Exception], reason: str
) -> None:
    def script(call: str, args: dict[str, str]) -> Iterator[bytes]:
        yield said
        node.released.set()

    node.script = script
    with pytest.raises(error, match=reason):
        store.get_block(CID)


def test_init__nobody_there_or_no_address__says_so() -> None:
    with pytest.raises(NodeUnreachable, match="start the node"):
        IpfsStore("/ip4/127.0.0.1/tcp/1/http").get_block(CID)
    with pytest.raises(NodeUnreachable, match="multiaddr"):
        IpfsStore("http://127.0.0.1:5001")


def test_add__right_cid_in_another_spelling__is_pinned(store: IpfsStore, node: Node) -> None:
    node.script = lambda call, args: iter(
        [answer({"Hash": CID.base58} if call == "add" else {"Pins": [CID.base58]})]
    )
    done: list[int] = []
    assert store.add(BytesIO(BLOCK), progress=done.append) == CID
    assert sum(done) == len(BLOCK)
    (add, asked), (pin, pinned) = node.calls
    assert (add, pin) == ("add", "pin/add")
    assert asked["raw-leaves"] == "True"
    assert asked["pin"] == "False"
    assert (asked["cid-version"], asked["chunker"]) == ("1", "size-262144")
    assert asked["max-file-links"] == "174"
    assert pinned["arg"] == str(CID)


@pytest.mark.parametrize("said", [{"Hash": str(ROOT)}, {"Hash": "nonsense"}, {"Name": "x"}, []])
def test_add__another_cid__fails_closed(store: IpfsStore, node: Node, said: object) -> None:
    node.says(answer(said))
    with pytest.raises((CidMismatch, NodeRefused)):
        store.add(BLOCK)
    assert [call for call, _ in node.calls] == ["add"], "nothing was pinned"


def test_put_block__another_cid__fails_closed(store: IpfsStore, node: Node) -> None:
    node.says(answer({"Key": str(ROOT), "Size": 1}))
    with pytest.raises(CidMismatch, match="nothing was pinned"):
        store.put_block(Block(CID, BLOCK))
    with pytest.raises(CorruptBlock):
        store.put_block(Block(ROOT, BLOCK))
    node.says(answer({"Key": str(CID), "Size": len(BLOCK)}))
    store.put_block(Block(CID, BLOCK))
    assert node.calls[-1][1]["cid-codec"] == "raw"


def test_pin__another_or_no_cid__fails_closed(store: IpfsStore, node: Node) -> None:
    for pins in ([str(ROOT)], [], [str(CID), str(ROOT)], None):
        node.says(answer({"Pins": pins}))
        with pytest.raises(CidMismatch):
            store.pin(CID)


def test_unpin__not_pinned__is_success(store: IpfsStore, node: Node) -> None:
    node.says(failure("not pinned or pinned indirectly"))
    store.unpin(CID)
    assert not store.is_pinned(CID)
    node.says(failure("disk on fire"))
    with pytest.raises(NodeRefused):
        store.unpin(CID)
    with pytest.raises(NodeRefused):
        store.is_pinned(CID)


def test_pins__any_spelling__are_listed_and_strange_ones_left_out(
    store: IpfsStore, node: Node
) -> None:
    keys = {CID.base58: {}, str(ROOT): {}, "f01711220" + "00" * 32: {}}
    node.says(answer({"Keys": keys}))
    assert set(store.pins()) == {CID, ROOT}
    assert store.is_pinned(CID)


def test_has__asks_the_node_alone(store: IpfsStore, node: Node) -> None:
    node.says(answer({"Key": str(CID), "Size": 1}))
    assert store.has(CID)
    assert node.calls[-1][1]["offline"] == "true"
    node.says(failure("block was not found locally"))
    assert not store.has(CID)
    node.says(answer({"Key": str(ROOT), "Size": 1}))
    with pytest.raises(CidMismatch):
        store.has(CID)


class Tree:
    """Answers block/get and cat for one file, as a real node does."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.memory = MemoryStore()
        self.root = self.memory.add(content)
        self.spoil: Callable[[bytes], bytes] = lambda data: data

    def __call__(self, call: str, args: dict[str, str]) -> Iterator[bytes]:
        if call == "cat":
            yield chunked(self.spoil(self.content[int(args["offset"]) :]))
        else:
            yield chunked(self.memory.blocks[Cid.parse(args["arg"])])


def test_fetch_to__leaves__come_as_one_verified_stream(
    store: IpfsStore, node: Node, tmp_path: Path
) -> None:
    node.script = Tree(CONTENT)
    done: list[int] = []
    assert store.fetch_to(ROOT, tmp_path / "out", progress=done.append) == len(CONTENT)
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert sum(done) == len(CONTENT)
    assert [call for call, _ in node.calls] == ["block/get", "cat"]
    assert store.fetch(ROOT) == CONTENT


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda data: data[:300_000] + bytes((data[300_000] ^ 1,)) + data[300_001:], CorruptBlock),
        (lambda data: data[:300_000], TruncatedBlock),
        (lambda data: b"", TruncatedBlock),
        (lambda data: data[262_144:] + data[:262_144], CorruptBlock),
        (lambda data: data + b"more", LimitExceeded),
    ],
    ids=["flipped", "cut", "empty", "other leaves", "longer"],
)
def test_fetch_to__lying_stream__leaves_no_file(
    store: IpfsStore,
    node: Node,
    tmp_path: Path,
    spoil: Callable[[bytes], bytes],
    error: type[Exception],
) -> None:
    tree = Tree(CONTENT)
    tree.spoil = spoil
    node.script = tree
    with pytest.raises(error):
        store.fetch_to(ROOT, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(error):
        store.fetch(ROOT)


def test_fetch__more_than_allowed__is_refused_before_the_leaves(
    store: IpfsStore, node: Node, tmp_path: Path
) -> None:
    node.script = Tree(CONTENT)
    with pytest.raises(LimitExceeded):
        store.fetch(ROOT, max_bytes=1000)
    with pytest.raises(LimitExceeded):
        store.fetch_to(ROOT, tmp_path / "out", limits=Limits(max_block_bytes=200_000))
    assert [call for call, _ in node.calls] == ["block/get", "block/get"]


def test_fetch__leaves_that_are_nodes__are_asked_one_by_one(store: IpfsStore, node: Node) -> None:
    unixfs = b"\x08\x02\x12\x03abc\x18\x03"
    leaf = b"\x0a" + bytes((len(unixfs),)) + unixfs
    leaf_cid = Cid(Codec.DAG_PB, hashlib.sha256(leaf).digest())
    tree = Tree(b"")
    tree.memory.put_block(Block(leaf_cid, leaf))
    node.script = tree
    assert store.fetch(leaf_cid) == b"abc"


@given(st.binary(max_size=300), st.integers(1, 40), st.lists(st.integers(0, 700), max_size=20))
def test_chunks__cut_anywhere__give_the_content(body: bytes, step: int, cuts: list[int]) -> None:
    said = chunked(body, step=step).partition(b"\r\n\r\n")[2]
    chunks, out = _Chunks(), b""
    places = [0, *sorted(min(cut, len(said)) for cut in cuts), len(said)]
    for start, end in pairwise(places):
        out += b"".join(bytes(part) for part in chunks.feed(said[start:end]))
    assert out == body
    assert chunks.ended


@given(st.binary(max_size=300))
def test_chunks__any_bytes__are_content_or_an_error_of_ours(data: bytes) -> None:
    with suppress(StrangeAnswer, FailedAnswer):
        list(_Chunks().feed(data))


@pytest.mark.parametrize(
    "data", [b"-1\r\n", b"+1\r\n", b"\r\n", b"1\r\nxxx", b"f" * 16 + b"\r\n", b"a" * 9000], ids=len
)
def test_chunks__malformed__are_refused(data: bytes) -> None:
    with pytest.raises(StrangeAnswer):
        list(_Chunks().feed(data))
