"""`cairn storage`: add, fetch, pin, verify, repair and collect content. Thin over cairn.storage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from cairn.domain.cid import Cid, decode_file_node
from cairn.errors import CairnError
from cairn.storage import (
    CidSource,
    ContentStore,
    EmbeddedStore,
    IpfsStore,
    NamedCid,
    Repair,
    ReplicatedStore,
    StorageConfig,
    Verification,
    open_stores,
)
from cairn.storage import pin as pin_everywhere
from cairn.storage import repair as repair_everywhere
from cairn.storage import verify as verify_everywhere


class _CidType(click.ParamType):
    name = "cid"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Cid:
        if isinstance(value, Cid):
            return value
        try:
            return Cid.parse(value)
        except CairnError as error:
            self.fail(str(error), param, ctx)


CID = _CidType()


@click.group()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CAIRN_STORE",
    default=Path("var/store"),
    show_default=True,
    help="Folder of the embedded store.",
)
@click.option(
    "--ipfs",
    envvar="CAIRN_IPFS",
    help="Multiaddr of an IPFS node's API, such as /ip4/127.0.0.1/tcp/5001/http.",
)
@click.option("--pinning-url", envvar="CAIRN_PINNING_URL", help="A pinning service.")
@click.option(
    "--pinning-token",
    envvar="CAIRN_PINNING_TOKEN",
    help="Its access token; better given in the environment.",
)
@click.option("--pinning-gateway", envvar="CAIRN_PINNING_GATEWAY", help="Its gateway.")
@click.pass_context
def storage(
    ctx: click.Context,
    folder: Path,
    ipfs: str | None,
    pinning_url: str | None,
    pinning_token: str | None,
    pinning_gateway: str | None,
) -> None:
    """Keep content retrievable: weights, plans, cards and batches, by CID."""
    config = StorageConfig(
        folder=folder,
        ipfs=ipfs,
        pinning_url=pinning_url,
        pinning_token=pinning_token,
        pinning_gateway=pinning_gateway,
    )
    with _told():
        stores = open_stores(config)
    ctx.meta["cairn.stores"] = stores
    for store in stores:
        ctx.call_on_close(store.close)


@storage.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_context
def add(ctx: click.Context, file: Path) -> None:
    """Keep a file in every store, pinned, and print its CID."""
    with _told(), _bar("Adding", file.stat().st_size) as progress:
        cid = _as_one(ctx).add(file, progress=progress)
    click.echo(cid)


@storage.command()
@click.argument("cid", type=CID)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def fetch(ctx: click.Context, cid: Cid, file: Path) -> None:
    """Write content to a file, from whichever store gives it intact."""
    with _told():
        store = _as_one(ctx)
        total = decode_file_node(cid, store.get_block(cid)).file_bytes
        with _bar("Fetching", total) as progress:
            size_bytes = store.fetch_to(cid, file, progress=progress)
    click.echo(f"{size_bytes:,} bytes, verified")


@storage.command()
@click.argument("cids", nargs=-1, required=True, type=CID)
@click.pass_context
def pin(ctx: click.Context, cids: tuple[Cid, ...]) -> None:
    """Bring content into every store and pin it there."""
    with _told(), _bar("Pinning") as progress:
        done = pin_everywhere(_stores(ctx), cids, progress=progress)
    _show_repairs(done)


@storage.command()
@click.argument("cids", nargs=-1, type=CID)
@click.option("--pinned", is_flag=True, help="All that is pinned, in place of the registry's.")
@click.option("--json", "as_json", is_flag=True, help="Print findings and metrics as JSON.")
@click.pass_context
def verify(ctx: click.Context, cids: tuple[Cid, ...], pinned: bool, as_json: bool) -> None:
    """Read every byte of the given CIDs, or of all that the registry names.

    Ends with 1 if a copy is missing or damaged, with 2 if no store has an intact one.
    """
    with _told(), _bar("Verifying") as progress:
        found = verify_everywhere(_stores(ctx), _named(ctx, cids, pinned), progress=progress)
    _show_verification(found, as_json)
    ctx.exit(2 if found.lost else 1 if found.damaged else 0)


@storage.command()
@click.argument("cids", nargs=-1, type=CID)
@click.option("--pinned", is_flag=True, help="All that is pinned, in place of the registry's.")
@click.pass_context
def repair(ctx: click.Context, cids: tuple[Cid, ...], pinned: bool) -> None:
    """Mend missing and damaged copies of the given CIDs, or of all that the registry names."""
    with _told(), _bar("Repairing") as progress:
        done = repair_everywhere(_stores(ctx), _named(ctx, cids, pinned), progress=progress)
    _show_repairs(done)


@storage.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option(
    "--node", is_flag=True, help="Have the IPFS node forget all that nobody pinned there, too."
)
@click.pass_context
def gc(ctx: click.Context, dry_run: bool, node: bool) -> None:
    """Remove from the embedded store what no pin needs."""
    if node and dry_run:
        raise click.UsageError(
            "an IPFS node cannot say what would go: leave --node or --dry-run out"
        )
    if node and not any(isinstance(store, IpfsStore) for store in _stores(ctx)):
        raise click.UsageError("--node wants an IPFS node: name it with --ipfs or CAIRN_IPFS")
    for store in _stores(ctx):
        if isinstance(store, IpfsStore) and node:
            with _told():
                store.collect()
            click.echo(f"{store.name}: removed what nobody pinned")
        if isinstance(store, EmbeddedStore):
            with _told():
                done = store.collect(dry_run=dry_run)
            verb = "would free" if dry_run else "freed"
            click.echo(
                f"{store.name}: {verb} {done.freed_bytes:,} bytes in {done.removed_blocks} blocks; "
                f"{done.kept_blocks} blocks are pinned"
            )


def _stores(ctx: click.Context) -> list[ContentStore]:
    stores: list[ContentStore] = ctx.meta["cairn.stores"]
    return stores


def _as_one(ctx: click.Context) -> ContentStore:
    stores = _stores(ctx)
    if len(stores) == 1:
        return stores[0]
    return ReplicatedStore(stores, min_copies=len(stores))


def _named(ctx: click.Context, cids: tuple[Cid, ...], pinned: bool) -> list[NamedCid]:
    """What the command is about: the arguments, what is pinned, or what the registry names.

    Tests put another source than the registry in the context's object.
    """
    if cids:
        return [NamedCid(cid) for cid in cids]
    with _told():
        if pinned:
            return [NamedCid(cid, "pinned") for store in _stores(ctx) for cid in store.pins()]
        source: CidSource = ctx.find_root().obj or _registry()
        return list(source.named_cids())


def _registry() -> CidSource:
    from cairn.settings import ConnectionSettings
    from cairn.storage.registry import RegistryCids

    system = ConnectionSettings().connect()
    return RegistryCids.of(
        system,
        on_unreadable=lambda label, reason: click.echo(f"{label}: {reason}", err=True),
    )


def _show_verification(found: Verification, as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "findings": [
                        {
                            "cid": str(one.cid),
                            "label": one.label,
                            "store": one.store,
                            "state": one.state,
                            "size_bytes": one.size_bytes,
                            "pinned": one.pinned,
                            "detail": one.detail,
                        }
                        for one in found.findings
                    ],
                    "lost": [str(cid) for cid in found.lost],
                    "metrics": found.metrics(),
                }
            )
        )
        return
    table = Table("content", "what", "store", "state", "bytes", "pinned")
    for one in found.findings:
        table.add_row(
            str(one.cid),
            one.label,
            one.store,
            one.state,
            f"{one.size_bytes:,}",
            "yes" if one.pinned else "no",
        )
    Console().print(table)
    for one in found.damaged:
        click.echo(one.detail, err=True)
    for cid in found.lost:
        click.echo(
            f"{cid}: no store has an intact copy; ask its publisher to add it again", err=True
        )


def _show_repairs(done: list[Repair]) -> None:
    for one in done:
        click.echo(f"{one.cid} in {one.store}: {one.detail}", err=not one.repaired)
    if not done:
        click.echo("Every copy is intact and pinned.")
    if any(not one.repaired for one in done):
        raise SystemExit(1)


@contextmanager
def _told() -> Iterator[None]:
    """An error of ours, or a file that cannot be read or written, ends the command with a message."""
    try:
        yield
    except CairnError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        what = error.filename2 or error.filename
        raise click.ClickException(
            f"{what}: {error.strerror}" if what else str(error.strerror or error)
        ) from error


@contextmanager
def _bar(what: str, total: int | None = None) -> Iterator[Any]:
    """A progress bar on standard error, where that is a terminal; yields the function to call."""
    console = Console(stderr=True)
    with Progress(
        TextColumn(what),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.advance(task, done)
