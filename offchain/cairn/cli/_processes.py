"""`cairn down`."""

from __future__ import annotations

from pathlib import Path

import click

from cairn.cli.processes import stop_kept


@click.command()
@click.option("--var", default="var", type=click.Path(path_type=Path), help="Folder of the run.")
def down(var: Path) -> None:
    """Stop what `up` started, and nothing else."""
    click.echo(", ".join(f"{name} ended" for name in stop_kept(var)) or "nothing was running")
