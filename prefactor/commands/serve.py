"""``prefactor serve``: the online service, and the keys that it lets callers in by."""

from pathlib import Path
from typing import Annotated

import typer

from prefactor.commands.arguments import TrackingUri
from prefactor.errors import InputError

NONE = "none"  # in place of a store's address


def serve(
    dataset: Annotated[
        str | None, typer.Option(help="Serve this dataset's champion from the registry, and each that follows it.")
    ] = None,
    package: Annotated[Path | None, typer.Option(help="Serve a packed model in this folder instead.")] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Keep users' preferences here: sqlite:///users.db or postgresql://user@host/database; none to keep "
            "nothing. With --dataset it is data/online/DATASET.db below the root unless given."
        ),
    ] = None,
    states: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of texts' states, e.g. data/states/stylebench/stylelm; repeatable. With --dataset those in "
            "data/states/DATASET below the root that are of the champion's backbone, unless given."
        ),
    ] = None,
    pool: Annotated[
        Path | None, typer.Option(help="A parquet file of questions to ask: columns prompt, first, second.")
    ] = None,
    by_evidence: Annotated[
        bool,
        typer.Option(
            "--by-evidence",
            help="Know users by their answers alone: where what is observed are answers to questions of --pool.",
        ),
    ] = False,
    keys: Annotated[
        Path | None, typer.Option(help="The file of API keys; without one only this machine may call.")
    ] = None,
    make_key: Annotated[
        str | None,
        typer.Option(help="Make a key of this name, add its hash to --keys, print it, and end.", metavar="NAME"),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; each loads the model.", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Threads that a process computes with.", min=1)] = 1,
    remembered: Annotated[int, typer.Option(help="Texts whose states a process keeps in memory.", min=1)] = 100_000,
    rate: Annotated[str | None, typer.Option(help="What a key may send: 600/minute, 20/second.")] = None,
    body_bytes: Annotated[int, typer.Option(help="Bytes of a request, at most.", min=1)] = 4_000_000,
    concurrent: Annotated[int, typer.Option(help="Requests that a process works on at once, at most.", min=1)] = 64,
    texts: Annotated[int, typer.Option(help="Texts that may wait to be embedded, in a process.", min=1)] = 1_024,
    seconds: Annotated[float, typer.Option(help="That a request may take.")] = 30.0,
    watch_seconds: Annotated[float, typer.Option(help="Between looks for another champion, and for new keys.")] = 15.0,
    root: Annotated[Path, typer.Option(help="The project's root.")] = Path(),
    tracking_uri: TrackingUri = None,
) -> None:
    """Rank, observe, ask, explain and forget over HTTP. The page /docs says how to call it.

    When another model becomes champion it takes over, without a restart.
    """
    import secrets

    from prefactor.serving.online.keys import make_key as add_key
    from prefactor.serving.online.server import Options
    from prefactor.serving.online.server import serve as run
    from prefactor.serving.online.settings import Settings

    if make_key is not None:
        if keys is None:
            raise InputError("say with --keys which file the key belongs in")
        typer.echo(add_key(keys, make_key))
        typer.echo("It is shown this once. Send it as the header Authorization: Bearer KEY.", err=True)
        return
    settings = Settings(
        keys=keys,
        hosts=None if keys is not None else tuple(dict.fromkeys(("localhost", "127.0.0.1", "[::1]", host))),
        body_bytes=body_bytes,
        rate=rate,
        concurrent=concurrent,
        texts=texts,
        seconds=seconds,
        log_secret=secrets.token_bytes(16),
    )
    options = Options(
        dataset=dataset,
        package=package,
        root=root,
        tracking_uri=tracking_uri,
        host=host,
        port=port,
        workers=workers,
        threads=threads,
        store=None if store == NONE else store,
        own_store=store is None and dataset is not None,
        states=tuple(states or ()),
        own_states=not states and dataset is not None,
        remembered=remembered,
        pool=pool,
        by_evidence=by_evidence,
        watch_seconds=watch_seconds,
        settings=settings,
    )
    typer.echo(f"the service will be on http://{host}:{port}, with a page at http://{host}:{port}/docs")
    raise typer.Exit(run(options))
