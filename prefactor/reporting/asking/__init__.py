"""How well users are known by what they were asked: one self-contained page."""

from prefactor.reporting.asking.page import write_page

__all__ = ["write_page"]
