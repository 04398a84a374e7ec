"""Publish to MLflow what the pipeline made: runs, and the best model of every dataset. Not in the DAG."""

import argparse
import sys
from pathlib import Path

from prefactor.errors import InputError
from prefactor.tracking import PublishReport, publish


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
    lines = [f"MLflow store: {report.tracking_uri}"]
    lines.append(f"runs: {len(report.added)} added, {len(report.present)} already there")
    lines += [f"  waiting for stage evaluate: {name}" for name in report.waiting]
    for model in report.models:
        state = "new" if model.new else "unchanged"
        lines.append(f"registered model: {model.name}, version {model.version} ({state}), alias @{model.alias}")
    lines.append(f"look at them: mlflow server --backend-store-uri {report.tracking_uri} --host 127.0.0.1")
    if report.models:
        serve = f"mlflow models serve --model-uri {report.models[0].uri} --env-manager local"
        lines.append(f"serve one: MLFLOW_DISABLE_TELEMETRY=true MLFLOW_TRACKING_URI={report.tracking_uri} {serve}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
