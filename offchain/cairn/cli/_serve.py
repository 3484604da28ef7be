"""`cairn serve`."""

from __future__ import annotations

import click
from pydantic import ValidationError

from cairn.catalog import CatalogSettings, Sources
from cairn.chain import Store
from cairn.cli._main import installed_version
from cairn.errors import CairnError
from cairn.serving import Index, ServingSettings, create_app
from cairn.serving import serve as run_server
from cairn.serving.chain import ChainCatalog, decode_program, open_signer


@click.command()
@click.option("--host", help="The address to listen at.  [CAIRN_SERVE_HOST; 127.0.0.1]")
@click.option("--port", type=int, help="The port to listen at.  [CAIRN_SERVE_PORT; 8690]")
@click.option(
    "--access",
    type=click.Choice(["closed", "open"]),
    help="Who may ask: nobody, or everybody without payment.  [CAIRN_SERVE_ACCESS; closed]",
)
@click.option(
    "--account",
    help="Ape account alias of the operator, who signs receipts. Local: TEST::n.  "
    "[CAIRN_SERVE_ACCOUNT; none: unsigned]",
)
@click.option("--models", help="Registry ids such as 1,4, or `all`.  [CAIRN_SERVE_MODELS; all]")
def serve(**options: object) -> None:
    """Serve the registry's models over HTTP (Open Inference Protocol), until stopped."""
    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = ServingSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        which = f"the setting {where}" if where else "the settings"
        raise CairnError(f"{which} of the server: {first['msg']}") from error
    connection = CatalogSettings()
    system = connection.connect()
    store = connection.open_store()
    try:
        catalog = ChainCatalog(system, store)
        signer = open_signer(system, settings) if settings.account else None
        index = Index(lambda: Store(connection.database), Sources.of(system), settings.poll_s)
        app = create_app(
            settings,
            catalog,
            decode_program,
            signer=signer,
            index=index,
            version=installed_version(),
        )
        run_server(app, settings)
    finally:
        store.close()
