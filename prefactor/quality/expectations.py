"""Expectations with a fix, and the one that wants no row to violate a rule and shows the rule's query."""

import sys
from typing import Any

import great_expectations.expectations as gxe
from great_expectations.core import ExpectationValidationResult
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.row_conditions import Column
from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from prefactor.quality.suite import Rule, Suite

RERUN = "the tables were changed after they were written: run stage prepare again"


class ExpectNoViolations(gxe.ExpectTableRowCountToEqual):
    """ExpectTableRowCountToEqual(0) over the rows that violate one rule; the Data Docs show the rule's query."""

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> list[RenderedStringTemplateContent]:
        meta = (configuration.meta if configuration else None) or {}
        shown = {"text": meta["meaning"], "query": meta["query"]}
        template = {"template": "$text $query", "params": shown, "styling": {"params": {"query": {"tag": "pre"}}}}
        return [RenderedStringTemplateContent(string_template=template)]


def no_violations(rule: Rule) -> ExpectNoViolations:
    """The expectation that no row of the table ``violations`` belongs to ``rule``."""
    return ExpectNoViolations(
        value=0,
        row_condition=Column("rule") == rule.name,
        meta={"rule": rule.name, "meaning": rule.meaning, "query": rule.query, "fix": rule.fix},
    )


def relations(meaning: str, rules: list[Rule], name: str = "relations") -> Suite:
    """The suite of the rules between tables."""
    return Suite(name, meaning, (tuple(no_violations(rule) for rule in rules),), rules=tuple(rules))


def with_fix(fix: str, *expectations: Expectation) -> tuple[Expectation, ...]:
    """Expectations that say what to do when they fail."""
    for expectation in expectations:
        expectation.meta = {"fix": fix}
    return expectations


def of_type(kind: str, *columns: str) -> tuple[Expectation, ...]:
    """Columns of one type, by pandas' name for its values; it is int64 for nullable integers too."""
    return tuple(gxe.ExpectColumnValuesToBeOfType(column=column, type_=kind) for column in columns)


def not_null(*columns: str) -> tuple[Expectation, ...]:
    """Columns without nulls."""
    return tuple(gxe.ExpectColumnValuesToNotBeNull(column=column) for column in columns)


def finite(*columns: str) -> tuple[Expectation, ...]:
    """Columns of numbers without infinity; what is not a number at all is a null to the expectations."""
    most = sys.float_info.max
    return tuple(
        gxe.ExpectColumnValuesToBeBetween(column=column, min_value=-most, max_value=most) for column in columns
    )


def filled(columns: list[str], exact: bool) -> tuple[Expectation, ...]:
    """A table with rows and with these columns; ``exact``: in this order and with no others."""
    named: tuple[Expectation, ...]
    if exact:
        named = (gxe.ExpectTableColumnsToMatchOrderedList(column_list=list(columns)),)
    else:
        named = tuple(gxe.ExpectColumnToExist(column=column) for column in columns)
    return (gxe.ExpectTableRowCountToBeBetween(min_value=1), *named)
