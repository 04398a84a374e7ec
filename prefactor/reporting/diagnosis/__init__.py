"""What sampling more candidates brings, and what keeps it from bringing more: one self-contained page."""

from prefactor.reporting.diagnosis.page import write_page
from prefactor.reporting.diagnosis.summary import summary

__all__ = ["summary", "write_page"]
