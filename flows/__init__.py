"""Prefect flows: when and where the pipeline runs. Flows call stages and the library, never the other way round."""

import os

from flows.environment import TELEMETRY_OFF

# Prefect looks at these while it is being imported, so nothing later than this would do.
for _name, _value in TELEMETRY_OFF.items():
    os.environ.setdefault(_name, _value)
