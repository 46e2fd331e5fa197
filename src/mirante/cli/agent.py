"""The command ``mirante agent``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import click

from mirante.cli.group import until_told
from mirante.counted import counted

__all__ = ["agent"]


@click.command()
@click.option(
    "--to", metavar="URL", help="Address of the service's pages, such as https://mirante.example.org."
)
@click.option("--token-file", type=click.Path(path_type=Path), help="A file that holds the service's token.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates of an authority of your own.")
@click.option("--name", help="What this host is called; the machine's own name by default.")
@click.option(
    "--log",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of an inference log, whose windows are counted here.",
)
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for what is not sent yet; mirante-agent by default.",
)
@click.option("--interval", metavar="TIME", help="From one sample to the next, such as 30s; 60s by default.")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), help="agent.yaml; mirante init --agent writes one."
)
def agent(config: Path | None, **options: Any) -> None:
    """Send this host's readings, and the windows of models that serve here, to a service elsewhere.

    What it cannot send waits on disk, and goes when the service is back: nothing is lost, and nothing is
    counted twice. It sends sums and counts of windows, and no row. Ctrl-C stops it.
    """
    left = ""
    with until_told():
        left = _send(config, options)
    click.echo(f"The agent has stopped{left}.")


def _send(config: Path | None, options: dict[str, Any]) -> str:
    """Run the agent, and return what is left to say of it when it has stopped."""
    from mirante.app.agent.config import load_agent
    from mirante.app.agent.running import Agent
    from mirante.app.heaps import bound_heaps
    from mirante.app.logs import configure_logs

    bound_heaps()
    configure_logs()
    settings = load_agent(config, **options)
    found = Agent(settings)
    click.echo(f"Mirante's agent on {settings.host_name} sends to {settings.to}  (Ctrl-C stops it)")
    for one in settings.doubts:
        click.echo(f"warning: {one}", err=True)
    if settings.in_the_clear:
        click.echo("The token can be read on the way: give an https:// address, or a tunnel.", err=True)
    asyncio.run(_until_signal(found))
    return f"; {counted(found.spool.batches, 'batch waits', 'batches wait')} in {settings.spool}"


async def _until_signal(found: Any) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows, where Ctrl-C raises
            loop.add_signal_handler(number, stop.set)
    await found.run(stop)
