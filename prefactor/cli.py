"""The command ``prefactor``: which sub-commands there are, and how an input at fault ends."""

from typing import Any

import typer
from typer.core import TyperGroup

from prefactor.commands.adapt_users import adapt_users
from prefactor.commands.check import check
from prefactor.commands.diagnose import diagnose
from prefactor.commands.forget import forget
from prefactor.commands.generate import generate
from prefactor.commands.inspect import inspect
from prefactor.commands.policy_candidates import policy_candidates
from prefactor.commands.promote import promote
from prefactor.commands.rollback import rollback
from prefactor.commands.sample import sample
from prefactor.commands.serve import serve
from prefactor.errors import InputError


class PlainErrors(TyperGroup):
    """Commands whose InputError is a clear line and exit code 1, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"prefactor: {error}", err=True)
            raise typer.Exit(1) from None


def group(help: str) -> typer.Typer:
    """A group of commands in plain text."""
    return typer.Typer(
        cls=PlainErrors,
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


app = group("Personal reward models.")
data = group("Preference data: look at it, try it, make samples of it, forget people.")
app.add_typer(data, name="data")
for command in (inspect, check, sample, forget):
    data.command()(command)
app.command()(generate)
app.command()(diagnose)
app.command()(policy_candidates)
app.command()(promote)
app.command()(rollback)
app.command()(adapt_users)
app.command()(serve)


def main() -> None:
    """Run what the command line asks for."""
    app(prog_name="prefactor")


if __name__ == "__main__":
    main()
