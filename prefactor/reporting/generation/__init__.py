"""Personal generation as people read it: one self-contained page from the tables that stages leave."""

from prefactor.reporting.generation.page import write_page
from prefactor.reporting.generation.report import GenerationReport

__all__ = ["GenerationReport", "write_page"]
