"""`cairn ingest`: take in what devices send, and anchor it. Thin: see `cairn.devices.ingest`."""

from __future__ import annotations

import click
from pydantic import ValidationError

from cairn.devices.ingest import IngestError, IngestSettings
from cairn.devices.ingest.service import run as run_ingest
from cairn.logs import configure_logs


@click.command()
@click.option("--account", help="The devices' owner: an Ape account alias. Local: TEST::n.")
@click.option("--alliance", help="Whom to anchor for: its name, or its timelock's address.")
@click.option("--host", help="The address to listen at.  [127.0.0.1]")
@click.option("--port", type=int, help="The port to listen at.  [8691]")
@click.option("--mqtt-host", help="An MQTT broker to subscribe to as well.")
@click.option("--mqtt-port", type=int, help="Its port.  [1883]")
def ingest(**options: object) -> None:
    """Take in devices' packets over HTTP and MQTT, keep them, batch and anchor them.

    Every option, and more, may be set as CAIRN_INGEST_…; docs/spec/ingest.md lists them, and what
    is answered to which packet.
    """
    settings = read_settings({name: value for name, value in options.items() if value is not None})
    configure_logs(settings.log_level)
    run_ingest(settings)


def read_settings(given: dict[str, object]) -> IngestSettings:
    try:
        return IngestSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = "_".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise IngestError(
                f"no {where}: name it with --{where} or CAIRN_INGEST_{where.upper()}"
            ) from None
        raise IngestError(f"CAIRN_INGEST_{where.upper()}: {first['msg']}") from None
