"""Where a run is published: settings, variable, default, and nothing private in how it is shown."""

import pytest
from segtrt.publish.place import DEFAULT, VARIABLE, shown_uri, tracking_uri


def test_the_setting_wins_over_the_variable_and_that_over_the_default() -> None:
    variable = {VARIABLE: "https://mlflow.example"}
    assert tracking_uri("sqlite:///own.db", variable) == "sqlite:///own.db"
    assert tracking_uri(None, variable) == "https://mlflow.example"
    assert tracking_uri(None, {VARIABLE: ""}) == tracking_uri(None, {}) == DEFAULT


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (
            "https://alice:hush@mlflow.example:5000/base?token=s3cret",
            "https://mlflow.example:5000/base",
        ),
        ("postgresql://alice:hush@db.example/runs", "postgresql://db.example/runs"),
        ("sqlite:////home/alice/runs.db", "sqlite:///runs.db"),
        ("sqlite:///runs.db?timeout=10", "sqlite:///runs.db"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("file:///home/alice/mlruns", "file:///mlruns"),
        ("/home/alice/mlruns", "mlruns"),
        ("databricks", "databricks"),
    ],
)
def test_what_is_shown_is_neither_secret_nor_a_folder(uri: str, shown: str) -> None:
    assert shown_uri(uri) == shown
