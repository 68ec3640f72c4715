"""Settings as they may be shown: every place in them, and nothing else, is cut down."""

from segtrt.config.resolve import resolve_config
from segtrt.config.shown import shown_settings
from segtrt.config.typed import as_json

HOME = "/home/alice/private"
CONFIG = {
    "dataset": {"path": f"{HOME}/scans"},
    "tensors": {"normalisation": f"{HOME}/own.py:normalise"},
    "model": {
        "network": f"{HOME}/net.py:make",
        "weights": "https://alice:hush@host/w.pt?token=s3cret",
    },
    "validation": {"metric": f"{HOME}/own.py:metric"},
    "publish": {"tracking_uri": "https://alice:hush@host/runs"},
}


def test_no_secret_and_no_folder_is_reported() -> None:
    settings = resolve_config(CONFIG)
    reported = as_json(shown_settings(settings))
    assert not [word for word in ("alice", "hush", "s3cret", "home") if word in str(reported)]
    assert reported["dataset"]["path"] == "scans"
    assert reported["model"]["weights"] == "https://host/w.pt"
    assert reported["validation"]["metric"] == "own.py:metric"
    assert reported["publish"]["tracking_uri"] == "https://host/runs"


def test_what_tells_nothing_is_left() -> None:
    settings = resolve_config({"dataset": {"path": "scans"}, "model": {"network": "net.py:make"}})
    assert shown_settings(settings) == settings
