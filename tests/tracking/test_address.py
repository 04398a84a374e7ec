"""Addresses of stores: what they name, and what of them people may read."""

from pathlib import Path

import pytest

from prefactor.tracking.address import is_postgres, is_server, redacted, run_page, shown, sqlite_path

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
        ("https://ada:s3cret@mlflow/", "https://mlflow/"),
        ("https://s3cret@mlflow", "https://mlflow"),
        ("https://s3cret:@mlflow:5000/a", "https://mlflow:5000/a"),
        ("postgresql://:s3cret@db/mlflow", "postgresql://:***@db/mlflow"),
        ("postgresql://ada:s3:cr@et@db/mlflow", "postgresql://ada:***@db/mlflow"),
        ("postgresql://ada:s3/cr?et@db/mlflow", "postgresql://ada:***@db/mlflow"),
        ("postgresql://ada:s3/cr@et:s3cret@db/mlflow", "postgresql://ada:***@db/mlflow"),
        ("postgresql://db/mlflow?user=ada&password=s3cret&x=1", "postgresql://db/mlflow?user=ada&password=***&x=1"),
        ("postgresql://ada@db/mlflow?sslPassword=s3@cret", "postgresql://ada@db/mlflow?sslPassword=***"),
        ("postgresql://ada@db/mlflow", "postgresql://ada@db/mlflow"),
        ("https://mlflow/at@home", "https://mlflow/at@home"),
        ("sqlite:////a/b@c:d.db", "sqlite:////a/b@c:d.db"),
        (SQLITE, SQLITE),
        (SERVER, SERVER),
    ],
)
def test_no_password_is_shown(uri, expected):
    assert shown(uri) == expected


@pytest.mark.parametrize(
    "said",
    [
        "API request to https://ada:s3cret@mlflow/api/2.0 failed with exception HTTPConnectionPool(host='mlflow')",
        "Invalid url: http://ada:x/s3cret@mlflow/api",
        "failed to resolve host 's3cret@mlflow': Name or service not known",
        "no route to postgresql://mlflow/db?user=ada&password=s3cret",
    ],
)
def test_no_password_is_repeated_from_what_a_library_said(said):
    told = redacted(said)
    assert "s3cret" not in told and "mlflow" in told
    assert redacted("connection refused") == "connection refused"


def test_a_server_that_is_gone_is_named_without_the_password(monkeypatch):
    """MLflow's own message quotes the address as it was given."""
    from prefactor.errors import InputError
    from prefactor.tracking.outage import StoreGone, answering
    from prefactor.tracking.store import client_of

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    gone = "http://ada:s3cret@127.0.0.1:9"
    with pytest.raises(InputError, match=r"the MLflow store http://127\.0\.0\.1:9 does not answer: API") as first:
        client_of(gone)
    from mlflow import MlflowClient

    with pytest.raises(StoreGone, match=r"http://127\.0\.0\.1:9 does not answer \(API") as second, answering(gone):
        MlflowClient(gone).get_run("a")
    assert "s3cret" not in str(first.value) + str(second.value)


def test_a_link_to_a_run_has_no_password():
    assert run_page("https://ada:s3cret@mlflow/base/", "7", "abc") == "https://mlflow/base/#/experiments/7/runs/abc"
    assert run_page("http://127.0.0.1:5000", "7", "abc") == "http://127.0.0.1:5000/#/experiments/7/runs/abc"
