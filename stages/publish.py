"""Publish to MLflow what the pipeline made: runs, and the best model of every dataset. Not in the DAG."""

import argparse
import sys
from pathlib import Path

from prefactor.errors import InputError
from prefactor.tracking import PublishReport, publish
from prefactor.tracking.address import is_server, shown
from prefactor.tracking.registry import Registered


def main() -> None:
    """Publish, then say where to look; exit 1 with one clear line if the input is at fault."""
    parser = argparse.ArgumentParser(prog="python -m stages.publish", description=publish.__doc__)
    parser.add_argument("--tracking-uri", help="default: MLFLOW_TRACKING_URI, else SQLite at mlruns/mlflow.db")
    try:
        print(describe(publish(Path(), parser.parse_args().tracking_uri)))
    except InputError as error:
        sys.exit(f"publish: {error}")


def describe(report: PublishReport) -> str:
    """What was published, where it is, and the commands that show and serve it."""
    store = shown(report.tracking_uri)
    lines = [f"MLflow store: {store}"]
    lines.append(f"runs: {len(report.added)} added, {len(report.present)} already there")
    lines += [f"  waiting for stage evaluate: {name}" for name in report.waiting]
    for model in report.models:
        state = "new" if model.new else "unchanged"
        lines.append(f"registered model: {model.name}, version {model.version} ({state}), alias @{model.alias}")
        if model.champion is not None:
            lines += _still_served(model)
    page = store if is_server(store) else f"mlflow server --backend-store-uri {store} --host 127.0.0.1"
    lines.append(f"look at them: {page}")
    if report.models:
        serve = f"mlflow models serve --model-uri models:/{report.models[0].name}@champion --env-manager local"
        lines.append(f"serve one: MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI={store} {serve}")
    return "\n".join(lines)


def _still_served(model: Registered) -> list[str]:
    """What a new best model changes where another is served: nothing, yet."""
    command = f"prefactor promote --dataset {model.name.removeprefix('prefactor-')}"
    return [
        f"  version {model.champion}, @champion, is still the one that is served",
        f"  hold the new one against it: {command}",
    ]


if __name__ == "__main__":
    main()
