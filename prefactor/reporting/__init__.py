"""Results as people read them: tables, figures and one self-contained HTML page."""

from prefactor.reporting.context import ReportContext, collect
from prefactor.reporting.page import write_report
from prefactor.reporting.plots import metrics, write_plots

__all__ = ["ReportContext", "collect", "metrics", "write_plots", "write_report"]
