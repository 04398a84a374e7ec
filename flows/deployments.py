"""`make serve-flows`: every flow offered from this machine to the Prefect server that PREFECT_API_URL names.

prefect.yaml offers the same flows to the workers of a work pool.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


PROJECT_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Offered:
    """A flow by its ``entrypoint``, as prefect.yaml writes it; ``at_once``: how many runs of it, others wait."""

    entrypoint: str
    at_once: int

    @property
    def flow(self) -> Any:
        """The flow itself."""
        path, _, name = self.entrypoint.partition(":")
        return getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)


OFFERED = (
    Offered("flows/rebuild.py:rebuild", 1),
    Offered("flows/sweep.py:sweep", 2),
    Offered("flows/embed.py:embed", 1),
    Offered("flows/adapt_users.py:adapt_users", 2),
    Offered("flows/promote.py:promote", 1),
)


def deployments(root: Path = PROJECT_ROOT) -> "list[RunnerDeployment]":
    """One deployment for every flow, called ``local``; its form begins with what params.yaml runs."""
    made = [
        offered.flow.to_deployment(
            "local",
            concurrency_limit=offered.at_once,
            description=summary(offered.flow),
            tags=["prefactor"],
            parameters=run_first(offered.flow, root / "params.yaml"),
        )
        for offered in OFFERED
    ]
    return cast("list[RunnerDeployment]", made)  # coroutines only where this is called from one


def run_first(flow: Any, path: Path) -> dict[str, str]:
    """The first dataset and the first backbone of params.yaml's section ``run``, of what a flow asks for."""
    from prefactor.parameters import load_parameters

    run = load_parameters(path).get("run") or {}
    first = {name: (run.get(f"{name}s") or [None])[0] for name in ("dataset", "backbone")}
    return {name: value for name, value in first.items() if value is not None and name in flow.parameters.properties}


def summary(flow: Any) -> str:
    """What a flow does: its docstring up to the arguments, which the form shows one by one."""
    return str(flow.description).partition("Args:")[0].strip()


def serve_flows() -> None:
    """Serve them until interrupted."""
    from prefect import serve

    serve(*deployments())


if __name__ == "__main__":
    serve_flows()
