"""The tiny project of tests/tracking, published by machines, and what its store then holds."""

import json

from tests.system.machine import Machine

PUBLISH = ("-m", "stages.publish")
WHOLE = {
    "runs": ["bt/default on bert FINISHED", "vrf/default on bert FINISHED", "vrf/wide on bert FINISHED"],
    "versions": ["1"],
    "models": ["READY"],
    "champion": "1",
    "turns": 0,
}
_LOOK = """
import json
from pathlib import Path

from prefactor.tracking.store import client_of, resolve_uri

client = client_of(resolve_uri(Path(), None))
experiment = client.get_experiment_by_name("prefactor-tiny")
ours = [experiment.experiment_id]
found = {
    "runs": sorted(run.info.run_name + " " + run.info.status for run in client.search_runs(ours)),
    "versions": sorted(str(found.version) for found in client.search_model_versions("name = 'prefactor-tiny'")),
    "models": [model.status.value for model in client.search_logged_models(ours)],
    "champion": str(client.get_model_version_by_alias("prefactor-tiny", "champion").version),
    "turns": len(client.search_registered_models("name = 'prefactor.turn'")),
}
print(json.dumps({"place": experiment.artifact_location, **found}))
"""


def look(machine: Machine, uri: str) -> tuple[dict, str]:
    """What lies in the store, as any machine sees it, to be held against ``WHOLE``; and where its files lie."""
    found = json.loads(machine.run("-c", _LOOK, MLFLOW_TRACKING_URI=uri).splitlines()[-1])
    return found, found.pop("place")
