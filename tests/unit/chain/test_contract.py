"""What a contract returned or logged, whatever bytes its strings hold."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from cairn.chain import Governor, ModelCreated, ModelRegistry
from cairn.chain._types import Log
from cairn.chain.fakes import FakeChain

SOME = bytes([1]) * 32
ADDRESS = "0x" + "12" * 20


def test_decode__name_is_no_utf8__comes_as_its_very_bytes() -> None:
    registry = ModelRegistry(FakeChain(), ADDRESS)
    name = b"air\xff\x00\xe2\x82"
    log = Log(
        address=registry.address,
        topics=(*registry.topics(ModelCreated), bytes(31) + b"\1", bytes(12) + SOME[:20]),
        data=encode(
            ["address", "address", "bytes", "bytes32", "bytes"],
            [ADDRESS, ADDRESS, name, SOME, SOME],
        ),
        block_number=1,
        log_index=0,
        tx_hash=SOME,
    )
    event = registry.decode(log)
    assert isinstance(event, ModelCreated)
    assert event.name.encode("utf-8", "surrogateescape") == name


def test_queue__description_is_no_utf8__hashes_its_very_bytes() -> None:
    governor = Governor(FakeChain(), ADDRESS)
    raw = b"pay\xff me"
    call = governor.queue([], raw.decode("utf-8", "surrogateescape"))
    assert call.data[4 + 3 * 32 : 4 + 4 * 32] == keccak(raw)
