"""What may be shown of where files are."""

import pytest
from segtrt.addresses import is_url, shown_place, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@host:8080/a/w.pt?token=t#f", "https://host:8080/a/w.pt"),
        ("https://me@host/w.pt", "https://host/w.pt"),
        ("url: /w.pt?X-Signature=abc (Caused by X('no'))", "url: /w.pt (Caused by X('no'))"),
        ("ftp://u:p@h/w.pt", "ftp://h/w.pt"),
        ("really? yes", "really? yes"),
    ],
)
def test_secrets_of_an_address_are_not_reported(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("https://me:pw@host:8080/a/w.pt?token=t#f", "https://host:8080/a/w.pt"),
        ("ftp://u:p@h/w.pt", "ftp://h/w.pt"),
        ("/home/alice/networks/w.pt", "w.pt"),
        ("~/networks/w.pt", "w.pt"),
        ("~alice/metric.py:own", "metric.py:own"),
        ("/home/alice/scans/", "scans"),
        ("networks/w.pt", "networks/w.pt"),
        ("../w#1.pt", "../w#1.pt"),
        ("module:function", "module:function"),
        ("zscore", "zscore"),
    ],
)
def test_places_are_reported_without_secrets_and_folders(place: str, shown: str) -> None:
    assert shown_place(place) == shown


@pytest.mark.parametrize(
    ("source", "url"),
    [("https://a/b.pt", True), ("http://a/b.pt", True), ("b.pt", False), ("/https/b.pt", False)],
)
def test_a_url_is_distinguished_from_a_path(source: str, url: bool) -> None:
    assert is_url(source) is url
