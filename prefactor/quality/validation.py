"""Great Expectations at work: a suite over its table, without network, telemetry or files of its own."""

from __future__ import annotations

import json
import os
import warnings
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefactor.quality.suite import Suite

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context import EphemeralDataContext
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True)
class Outcome:
    """What became of a suite: its table, and the results of the stages that were looked at."""

    suite: Suite
    table: pd.DataFrame
    result: ExpectationSuiteValidationResult
    stages: int  # how many of the suite's stages were looked at

    @property
    def sound(self) -> bool:
        """Is the schema as it should be, so that queries over the table make sense?"""
        return self.stages == len(self.suite.stages)

    @property
    def failed(self) -> list[ExpectationValidationResult]:
        """The expectations that were not met."""
        return [result for result in self.result.results if not result.success]

    @property
    def skipped(self) -> int:
        """Expectations not looked at because the schema was wrong."""
        return sum(len(stage) for stage in self.suite.stages[self.stages :])


def load_great_expectations() -> None:
    """Import Great Expectations with its analytics off; to be called before any module that imports it.

    It imports two modules of the standard library that Python calls deprecated since 3.11.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
        import great_expectations  # noqa: F401


def check(suite: Suite, connection: duckdb.DuckDBPyConnection) -> Outcome:
    """Hold a suite's table against it; a stage that fails ends it."""
    results: list[ExpectationValidationResult] = []
    for part in suite.parts():
        outcome = _check_part(part, part.table(connection))
        results += outcome.result.results
        if not outcome.sound:
            return replace(outcome, suite=suite)
    outcome.result.results = results
    outcome.result.success = all(result.success for result in results)
    return replace(outcome, suite=suite, stages=len(suite.stages))


def _check_part(suite: Suite, table: pd.DataFrame) -> Outcome:
    stages = len(suite.stages)
    result = _validate(suite, stages, table)
    if not result.success:
        stages = _stages_to_look_at(suite, table)
    if stages < len(suite.stages):
        result = _validate(suite, stages, table)
    for each in result.results:
        _raise_what_was_caught(suite, each)
    return Outcome(suite, table, result, stages)


def _stages_to_look_at(suite: Suite, table: pd.DataFrame) -> int:
    """All stages up to the first about the schema that fails, which one row of the table tells."""
    schema = range(1, len(suite.stages))
    return next((stages for stages in schema if not _validate(suite, stages, table.head(1)).success), len(suite.stages))


def failing_rows(expectation: Expectation, table: pd.DataFrame) -> pd.DataFrame:
    """All rows of a table that do not meet an expectation about rows."""
    batch = _batches(_open_context()).get_batch({"dataframe": table})
    # Not by "include_unexpected_rows", which stops after some twenty.
    return table.loc[batch.validate(expectation, result_format="COMPLETE").result["unexpected_index_list"]]


def _validate(suite: Suite, stages: int, table: pd.DataFrame) -> ExpectationSuiteValidationResult:
    from great_expectations import ExpectationSuite, ValidationDefinition
    from great_expectations.util import convert_to_json_serializable

    context = _open_context()
    expectations = [copy(expectation) for stage in suite.stages[:stages] for expectation in stage]
    held = context.suites.add(ExpectationSuite(suite.name, expectations=expectations))
    validation = ValidationDefinition(name=suite.name, data=_batches(context), suite=held)
    result = context.validation_definitions.add(validation).run(
        batch_parameters={"dataframe": table}, result_format="SUMMARY"
    )
    for each in result.results:
        # The pages that Great Expectations renders fail on numpy's floats.
        each.result = json.loads(json.dumps(convert_to_json_serializable(each.result)))
    return result


def _open_context() -> EphemeralDataContext:
    """A context that lives in memory only, silent and without sites of its own."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _batches(context: EphemeralDataContext) -> BatchDefinition:
    """Whole data frames as the batches of one asset."""
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("whole")


def _raise_what_was_caught(suite: Suite, result: ExpectationValidationResult) -> None:
    """Great Expectations turns an exception into a failed expectation; but then nothing is known about the data."""
    caught = result.exception_info or {}
    details = [caught] if "raised_exception" in caught else list(caught.values())
    messages = [detail["exception_message"] for detail in details if detail["raised_exception"]]
    if messages:
        config = result.expectation_config
        raise RuntimeError(f"suite {suite.name}, {config.type if config else 'unknown expectation'}: {messages[0]}")
