"""MLflow's warnings about its own code, which nobody who publishes can mend; all others pass."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

ABOUT_ITSELF = (
    r"The ``noload`` loader strategy is deprecated",  # how MLflow 3.17 maps its tables under SQLAlchemy 2.1
    r".*Any type hint is inferred as AnyType",  # hints of classes that mlflow.pyfunc brings along
)


@contextmanager
def without_noise() -> Iterator[None]:
    """Leave those warnings out of the block."""
    with warnings.catch_warnings():
        for message in ABOUT_ITSELF:
            warnings.filterwarnings("ignore", message=message)
        yield
