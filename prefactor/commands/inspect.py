"""``prefactor data inspect``: the figures of a dataset, or of a file of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from prefactor.commands.arguments import Columns, Params, Source, check_output, read_columns, writing


def inspect(
    name: Annotated[str, typer.Argument(help="A dataset of params.yaml, or a file or folder of your own.")],
    params: Params = Path("params.yaml"),
    columns: Columns = None,
    source: Source = None,
    page: Annotated[Path | None, typer.Option(help="Also write a page, one HTML file.", metavar="FILE.html")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write all figures as JSON.", metavar="FILE")] = None,
    examples: Annotated[int, typer.Option(help="Pairs to print in full; 0 for none.", min=0)] = 2,
) -> None:
    """Show what a dataset holds: counts, lengths, agreement between users, label balance, examples.

    Looks at its prepared tables if there are any, else loads it first. Texts are printed as examples, and are on the
    page; with --examples 0 on neither. They are never in the JSON.
    """
    from prefactor.atomic import write_json
    from prefactor.inspection.console import printed
    from prefactor.inspection.dataset import dataset_or_file, prepared_tables
    from prefactor.inspection.page import write_page
    from prefactor.inspection.summary import read_examples, summarise
    from prefactor.parameters import as_dict

    for path in (page, json):
        if path is not None:
            check_output(path)
    mapping = read_columns(columns)
    dataset = dataset_or_file(name, params, {"columns": mapping} if mapping else {}, source)
    with prepared_tables(dataset) as folder:
        summary, pairs = summarise(folder, dataset.name), read_examples(folder, examples)
    typer.echo(printed(summary, pairs))
    if json is not None:
        with writing(json):
            write_json(json, as_dict(summary))
    if page is not None:
        with writing(page):
            write_page(page, summary, pairs)
