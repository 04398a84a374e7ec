"""A browser at the Prefect page: fills the form of a flow as a person would, and reads what a run leaves there."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
SIZE = {"width": 1300, "height": 2700}
PATIENCE = 120_000.0  # milliseconds


@contextmanager
def browser_page() -> Iterator[Any]:
    """An empty page of headless Chromium; the test is skipped where the browser or what drives it is missing."""
    sync = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'prefactor[system]'")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs `chromium` on PATH (Debian: chromium)")
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE)
        try:
            yield page
        finally:
            browser.close()


def open_form(page: Any, address: str, deployment: str) -> list[str]:
    """Open a deployment's form; the names of its fields."""
    page.goto(f"{address}/deployments/deployment/{deployment}/run")
    labels = page.locator(".schema-form-property__label")
    labels.first.wait_for()
    return [label.removesuffix(" (Optional)") for label in labels.all_inner_texts()]


def write(page: Any, name: str, value: str) -> None:
    """Type into a field."""
    _field(page, name).locator("textarea, input").first.fill(value)


def choose(page: Any, name: str, value: str) -> None:
    """Choose one of a field's options."""
    _field(page, name).locator("button.p-select-button__control").press("Space")
    page.locator(".p-select-option", has_text=re.compile(rf"^{value}$")).first.click()


def switch(page: Any, name: str) -> None:
    """Turn a field of yes or no to the other."""
    _field(page, name).locator(".p-toggle__control").click()


def submit(page: Any) -> None:
    """Start the run and go to its page."""
    page.get_by_role("button", name="Submit").click()
    run = page.locator("a[href*='/runs/flow-run/']").first
    run.click()


def await_state(page: Any, state: str) -> None:
    """Watch until the page shows this state of the run."""
    page.get_by_text(state, exact=True).first.wait_for()


def artifacts(page: Any, awaited: str) -> str:
    """What the run's tab of artifacts says, once the awaited one is among them."""
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text(awaited).first.wait_for()
    return page.inner_text("body")


def picture(page: Any, path: Path) -> None:
    """Keep what is seen, to be looked at when a test failed."""
    page.screenshot(path=str(path))


def _field(page: Any, name: str) -> Any:
    label = page.locator(".schema-form-property__label", has_text=re.compile(rf"^{name}( \(Optional\))?$"))
    return page.locator(".schema-form-property", has=label).last
