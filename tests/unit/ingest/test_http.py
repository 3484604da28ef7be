"""POST /device: each packet gets the documented answer and is counted; what is kept is on disk."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable

import pytest
from coincurve import PrivateKey
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from cairn.chain import Store
from cairn.devices import SimulatedDevice, SimulatedFault
from cairn.devices._messages import encode_message, outer_fields
from cairn.devices.ingest import Answer, PacketStore, create_app
from cairn.domain.packets import encode_packet
from tests.unit.ingest.conftest import NOW


@pytest.fixture
def make_client(metrics) -> Callable[..., TestClient]:
    return lambda intake: TestClient(create_app(intake, metrics, lambda: (True, {"status": "ok"})))


@pytest.fixture
def client(make_client, intake) -> TestClient:
    return make_client(intake)


@pytest.fixture
def counted(metrics) -> Callable[[str], float]:
    """How often an answer was given over HTTP."""
    name = "cairn_ingest_packets_total"
    return lambda answer: metrics.registry.get_sample_value(name, {"way": "http", "answer": answer})


def rows(store: PacketStore) -> list[bytes]:
    return [raw for device, *_ in store.waiting() for _, raw in store.read_waiting(device, NOW, 99)]


def changed(message: bytes, **fields: str) -> bytes:
    return json.dumps({**json.loads(message), **fields}, separators=(",", ":")).encode()


def test_packet__good__is_on_disk_once_answered(client, sensor, url, counted):
    packets = sensor.packets(NOW - 3_000, 5)
    for packet in packets:
        answer = client.post("/device", content=sensor.message(packet))
        assert (answer.status_code, answer.json()) == (200, {"answer": "stored"})
    again = Store(url)
    assert rows(PacketStore(again)) == packets
    again.close()
    assert counted("stored") == 5


def test_packet__replayed__is_acknowledged_and_kept_once(client, sensor, store, counted):
    packet = sensor.packets(NOW - 300, 1)[0]
    answers = [client.post("/device", content=sensor.message(packet)) for _ in range(3)]
    assert [one.json()["answer"] for one in answers] == ["stored", "known", "known"]
    assert {one.status_code for one in answers} == {200}
    assert rows(store) == [packet]
    assert counted("known") == 2


def test_packet__another_of_the_same_second__leaves_the_first(client, sensor, store, counted):
    first = sensor.packets(NOW - 300, 1)[0]
    drifted = SimulatedDevice(31, 0, sensor.climate, 300, SimulatedFault.STUCK)
    second = drifted.packets(NOW - 300, 2)[0]
    assert drifted.device == sensor.device and first != second
    client.post("/device", content=sensor.message(first))
    answer = client.post("/device", content=sensor.message(second))
    assert (answer.status_code, answer.json()["answer"]) == (409, "conflict")
    assert rows(store) == [first]
    assert counted("conflict") == 1


def test_packet__outer_signature_wrong__is_refused(client, sensor, other, store, counted):
    packet = sensor.packets(NOW - 300, 1)[0]
    message = sensor.message(packet)
    good = json.loads(message)["signature"]
    for signature in (
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        json.loads(other.message(packet))["signature"],
        "00" * 64,
    ):
        answer = client.post("/device", content=changed(message, signature=signature))
        assert (answer.status_code, answer.json()["answer"]) == (401, "signature")
    assert rows(store) == []
    assert counted("signature") == 3


def test_packet__inner_signature_wrong__is_refused_though_the_outer_is_right(
    client, sensor, store, counted
):
    """What the vendor's own server lets pass."""
    wrong = SimulatedDevice(31, 0, sensor.climate, 300, SimulatedFault.WRONG_KEY)
    packet = wrong.packets(NOW - 6_000, 10)[9]
    answer = client.post("/device", content=sensor.message(packet))
    assert (answer.status_code, answer.json()["answer"]) == (401, "signature")
    assert rows(store) == []


def test_packet__of_another_of_our_devices__is_not_the_senders(client, sensor, other):
    packet = other.packets(NOW - 300, 1)[0]
    answer = client.post("/device", content=sensor.message(packet))
    assert answer.json()["answer"] == "signature"


def test_packet__unknown_device__is_refused(client, strangers, counted):
    packet = strangers.packets(NOW - 300, 1)[0]
    answer = client.post("/device", content=strangers.message(packet))
    assert (answer.status_code, answer.json()["answer"]) == (403, "unknown_device")
    assert counted("unknown_device") == 1


def test_packet__from_the_future__is_refused(client, sensor, counted):
    skewed = SimulatedDevice(31, 0, sensor.climate, 300, SimulatedFault.CLOCK_SKEW)
    packet = skewed.packets(NOW - 300, 1)[0]
    answer = client.post("/device", content=sensor.message(packet))
    assert (answer.status_code, answer.json()["answer"]) == (422, "future")
    assert "s ahead of this clock" in answer.json()["detail"]
    assert counted("future") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"[" * 2_000,
        b"[]",
        b"{}",
        b'{"deviceID":1,"payload":"","signature":""}',
        b'{"deviceID":"did:io:0x00","payload":"","signature":""}',
        b'{"deviceID":"did:io:0x' + b"0" * 40 + b'","payload":"*","signature":""}',
        b'{"deviceID":"did:io:0x' + b"0" * 40 + b'","payload":"AA","signature":"AA"}',
    ],
)
def test_body__malformed__is_refused(client, body, counted):
    answer = client.post("/device", content=body)
    assert (answer.status_code, answer.json()["answer"]) == (400, "malformed")
    assert counted("malformed") == 1


def test_packet__malformed_inside__is_refused(client, sensor):
    answer = client.post("/device", content=sensor.message(b"garbage"))
    assert (answer.status_code, answer.json()["answer"]) == (400, "malformed")


def test_packet__of_the_json_era__is_named(client, sensor, counted):
    answer = client.post("/device", content=sensor.message(b'{"message":{}}'))
    assert (answer.status_code, answer.json()["answer"]) == (400, "old_format")
    assert "update the device's firmware" in answer.json()["detail"]
    assert counted("old_format") == 1


@pytest.mark.parametrize("size", [2_049, 100_000])
def test_body__oversized__is_not_read(client, size, counted):
    answer = client.post("/device", content=b"x" * size)
    assert (answer.status_code, answer.json()["answer"]) == (413, "oversized")
    assert counted("oversized") == 1


def test_body__oversized_without_a_length__is_cut_off(client, counted):
    def stream():
        for _ in range(1_000):
            yield b"x" * 1_000

    answer = client.post("/device", content=stream())
    assert (answer.status_code, answer.json()["answer"]) == (413, "oversized")


def test_packet__oversized__is_refused(client, sensor):
    packet = encode_packet(b"\x6a\x7f" * 290, NOW, bytes(64))
    answer = client.post("/device", content=sensor.message(packet))
    assert (answer.status_code, answer.json()["answer"]) == (413, "oversized")


def test_flood__of_one_device__is_turned_away_until_later(
    make_client, make_intake, sensor, other, monotonic, store, counted
):
    client = make_client(make_intake(burst=3, packets_per_s=0.5))
    packets = sensor.packets(NOW - 9_000, 6)

    def send(device, packet):
        return client.post("/device", content=device.message(packet))

    answers = [send(sensor, packet) for packet in packets[:5]]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    # Another device is not held up by it, nor can a stranger use up a device's allowance.
    assert send(other, other.packets(NOW - 300, 1)[0]).status_code == 200
    monotonic.at += 2
    assert send(sensor, packets[3]).status_code == 200
    assert send(sensor, packets[4]).status_code == 429
    assert counted("flood") == 3
    assert len(rows(store)) == 5


def test_flood__by_a_stranger_in_a_devices_name__uses_up_nothing(make_client, make_intake, sensor):
    client = make_client(make_intake(burst=2))
    packet = sensor.packets(NOW - 300, 1)[0]
    key = PrivateKey(b"\x05" * 32)
    forged = encode_message(sensor.device, packet, key.sign_recoverable(b"x")[:64])
    for _ in range(10):
        assert client.post("/device", content=forged).status_code == 401
    assert client.post("/device", content=sensor.message(packet)).status_code == 200


def test_queue__full__answers_busy_and_takes_more_later(
    make_client, make_intake, store, sensor, counted, monkeypatch
):
    """The disk stalls: so many wait, the others are turned away; none that was is on disk."""
    stalled, go_on = threading.Event(), threading.Event()
    keep = store.keep

    def slow(arrivals):
        stalled.set()
        go_on.wait(60)
        return keep(arrivals)

    monkeypatch.setattr(store, "keep", slow)
    intake = make_intake(queue_size=2)
    client = make_client(intake)
    packets = sensor.packets(NOW - 9_000, 6)
    arrivals = [intake.judge_packet(packet) for packet in packets]
    waiting = [intake.submit(arrivals[0])]
    stalled.wait(60)
    waiting += [intake.submit(arrivals[1]), intake.submit(arrivals[2])]
    answer = client.post("/device", content=sensor.message(packets[3]))
    assert (answer.status_code, answer.json()["answer"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert counted("busy") == 1
    go_on.set()
    assert [one.result(60) for one in waiting] == [Answer.STORED] * 3
    assert client.post("/device", content=sensor.message(packets[3])).status_code == 200
    assert rows(store) == packets[:4]


def test_request__given_up_while_it_waits__is_written_and_the_next_too(
    intake, store, sensor, monkeypatch
):
    stalled, go_on = threading.Event(), threading.Event()
    keep = store.keep

    def slow(arrivals):
        stalled.set()
        go_on.wait(60)
        return keep(arrivals)

    monkeypatch.setattr(store, "keep", slow)
    first, second = sensor.packets(NOW - 900, 2)
    waiting = intake.submit(intake.judge_packet(first))
    stalled.wait(60)
    waiting.cancel()  # what asyncio does with the future of a cancelled handler
    go_on.set()
    assert waiting.result(60) == Answer.STORED
    assert intake.submit(intake.judge_packet(second)).result(60) == Answer.STORED
    assert rows(store) == [first, second]


def test_body__of_a_sender_who_hangs_up__is_counted(intake, metrics, counted):
    app = create_app(intake, metrics, lambda: (True, {}))
    scope = {
        "type": "http", "method": "POST", "path": "/device", "raw_path": b"/device",
        "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    incoming = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive():
        return incoming.pop(0)

    async def send(_message):
        return None

    asyncio.run(app(scope, receive, send))
    assert counted("malformed") == 1


def test_disk__cannot_be_written__nothing_is_acknowledged(client, store, sensor, monkeypatch):
    def broken(_arrivals):
        raise OperationalError("INSERT", {}, Exception("disk is full"))

    packet = sensor.packets(NOW - 300, 1)[0]
    with monkeypatch.context() as patch:
        patch.setattr(store, "keep", broken)
        answer = client.post("/device", content=sensor.message(packet))
        assert (answer.status_code, answer.json()["answer"]) == (503, "busy")
    assert client.post("/device", content=sensor.message(packet)).json() == {"answer": "stored"}


def test_signature__in_base64_or_with_a_v__is_as_good(client, sensor):
    first, second, third = sensor.packets(NOW - 900, 3)
    for packet, spell in (
        (first, lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")),
        (second, lambda raw: "0x" + raw.hex() + "1b"),
        (third, lambda raw: raw.hex().upper()),
    ):
        message = sensor.message(packet)
        raw = bytes.fromhex(json.loads(message)["signature"])
        assert client.post("/device", content=changed(message, signature=spell(raw))).is_success


def test_message__field_changed_in_transit__is_noticed(client, sensor, other):
    a, b = sensor.packets(NOW - 900, 2)
    message = sensor.message(a)
    payload = outer_fields(sensor.device, b)[1]
    assert client.post("/device", content=changed(message, payload=payload)).status_code == 401
    did = f"did:io:{other.address}"
    assert client.post("/device", content=changed(message, deviceID=did)).status_code == 401


def test_metrics__every_answer__is_there_from_the_start(client):
    text = client.get("/metrics").text
    for way in ("http", "mqtt"):
        for answer in Answer:
            assert f'cairn_ingest_packets_total{{answer="{answer}",way="{way}"}} 0.0' in text
    assert "cairn_ingest_queued 0.0" in text


def test_health__not_well__is_503(intake, metrics):
    app = create_app(intake, metrics, lambda: (False, {"status": "not anchoring"}))
    answer = TestClient(app).get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "not anchoring")
