"""Addresses of stores: what they name, and what of them people may read."""

from pathlib import Path

import pytest

from prefactor.tracking.address import is_postgres, is_server, shown, sqlite_path

SQLITE, POSTGRES, SERVER = "sqlite:////a/b.db", "postgresql+psycopg://ada:s3cret@db:5432/mlflow", "https://mlflow:5000"


def test_each_kind_is_known():
    assert sqlite_path(SQLITE) == Path("/a/b.db") and sqlite_path(POSTGRES) is None
    assert [is_postgres(uri) for uri in (SQLITE, POSTGRES, "postgresql://db/mlflow", SERVER)] == [
        False,
        True,
        True,
        False,
    ]
    assert [is_server(uri) for uri in (SQLITE, POSTGRES, SERVER)] == [False, False, True]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (POSTGRES, "postgresql+psycopg://ada:***@db:5432/mlflow"),
        ("https://ada:s3cret@mlflow/", "https://ada:***@mlflow/"),
        ("postgresql://:s3cret@db/mlflow", "postgresql://:***@db/mlflow"),
        ("postgresql://ada:s3:cr@et@db/mlflow", "postgresql://ada:***@db/mlflow"),
        ("postgresql://ada@db/mlflow", "postgresql://ada@db/mlflow"),
        (SQLITE, SQLITE),
        (SERVER, SERVER),
    ],
)
def test_no_password_is_shown(uri, expected):
    assert shown(uri) == expected
