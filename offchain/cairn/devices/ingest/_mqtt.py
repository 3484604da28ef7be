"""The MQTT side: packets from `device/<IMEI>/data`, acknowledged to the broker once on disk.

The session outlives the connection: what the broker has not been told is done, it sends again. A
packet that is refused is done as well, and counted; only one that could not be written is not.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cairn.devices.ingest._answers import Answer
from cairn.devices.ingest._intake import Intake, Refusal
from cairn.devices.ingest._metrics import Metrics
from cairn.devices.ingest._settings import IngestError, IngestSettings

_log = logging.getLogger(__name__)

TOPIC = "device/+/data"
_QOS = 1  # at least once; the store makes it once
_MOST_TOPICS = 100_000
_LONGEST_WAIT_S = 60.0


class Subscriber:
    """Subscribes until it is closed. A broker that is out of reach is waited for."""

    def __init__(self, intake: Intake, metrics: Metrics, settings: IngestSettings) -> None:
        if settings.mqtt_host is None:
            raise IngestError("no MQTT broker: set CAIRN_INGEST_MQTT_HOST")
        self._intake = intake
        self._metrics = metrics
        self._settings = settings
        self._stop = threading.Event()
        self._failed = threading.Event()
        self.subscribed = threading.Event()
        # Topic -> who signed its last packet: a single check instead of a recovery.
        self._senders: OrderedDict[str, bytes] = OrderedDict()
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="ingest-mqtt", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._stop.set()
        self._client.disconnect()
        self._thread.join()

    def _make_client(self) -> mqtt.Client:
        settings = self._settings
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.mqtt_client_id,
            clean_session=False,
            reconnect_on_failure=False,  # _run does that
            manual_ack=True,
        )
        if settings.mqtt_username is not None:
            file = settings.mqtt_password_file
            password = None if file is None else file.read_text().strip()
            client.username_pw_set(settings.mqtt_username, password)
        if settings.mqtt_tls:
            client.tls_set(cert_reqs=ssl.CERT_REQUIRED)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._failed.clear()
            try:
                self._client.connect(self._settings.mqtt_host or "", self._settings.mqtt_port)
                if self._client.loop_forever() == mqtt.MQTT_ERR_SUCCESS:
                    failures = 0
            except (OSError, ValueError) as error:
                _log.warning("the broker cannot be reached", extra={"fields": {"why": str(error)}})
            self.subscribed.clear()
            failures += 1
            self._stop.wait(min(0.5 * 2**failures, _LONGEST_WAIT_S))

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            _log.warning("the broker refused us", extra={"fields": {"why": str(reason)}})
            return
        client.subscribe(TOPIC, _QOS)

    def _on_subscribe(self, *_: Any) -> None:
        _log.info("subscribed", extra={"fields": {"topic": TOPIC}})
        self.subscribed.set()

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if self._failed.is_set():
            return  # about to reconnect: the broker sends it again
        found = self._intake.judge_packet(bytes(message.payload), self._senders.get(message.topic))
        if isinstance(found, Refusal):
            self._metrics.count("mqtt", found.answer)
            client.ack(message.mid, message.qos)
            return
        self._senders[message.topic] = found.device
        self._senders.move_to_end(message.topic)
        if len(self._senders) > _MOST_TOPICS:
            self._senders.popitem(last=False)

        def done(future: Future[Answer]) -> None:
            answer = future.result()
            self._metrics.count("mqtt", answer)
            if answer == Answer.BUSY:
                self._failed.set()
                client.disconnect()
            else:
                client.ack(message.mid, message.qos)

        # A full queue holds this thread up, and with it the broker: nothing is turned away.
        self._intake.submit(found, wait=True).add_done_callback(done)
