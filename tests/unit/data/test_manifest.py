"""The manifest's reader."""

from pathlib import Path

import pytest
from segtrt.data.manifest import read_manifest
from segtrt.errors import SegtrtError


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"format": "segtrt-manifest-0", "subjects": [], "skipped": []}',
        '{"format": "segtrt-manifest-1", "subjects": [{"name": "a"}], "skipped": []}',
        '{"format": "segtrt-manifest-1", "subjects": 3, "skipped": []}',
        '{"format": "segtrt-manifest-1", "subjects": %s, "skipped": []}' % ("[" * 900 + "]" * 900),
        '{"format": "segtrt-manifest-1", "subjects": [], "skipped": [{"name": 1, "reason": ""}]}',
    ],
)
def test_another_file_is_no_manifest(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(content)
    with pytest.raises(SegtrtError, match="is not a manifest this version can read"):
        read_manifest(path)
