"""The store: what is put in comes out whole, and trouble with it costs speed alone."""

import errno
import json
import logging
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from segtrt.files import sha256_file
from segtrt.plan import store as module
from segtrt.plan.store import ABANDONED_S, ENTRY, STORE, Store, StoreUse, cache_root, default_store

KEY = "ab" * 32
OTHER = "cd" * 32


def made(folder: Path, **contents: bytes) -> dict[str, Path]:
    """Files of those contents: name -> path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents}


def keep(store: Store, folder: Path, key: str, **contents: bytes) -> dict[str, str]:
    """Put files of those contents into the store; returns their hashes."""
    outputs = made(folder, **contents)
    digests = {name: sha256_file(path) for name, path in outputs.items()}
    store.put(key, outputs, digests)
    return digests


def places(folder: Path, *names: str) -> dict[str, Path]:
    return {name: folder / name for name in names}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_is_put_in_comes_out(store: Store, tmp_path: Path) -> None:
    digests = keep(store, tmp_path / "in", KEY, engine=b"engine", record=b"{}")
    outputs = places(tmp_path / "out", "engine", "record")
    assert store.fetch(KEY, outputs) == digests
    assert [outputs[n].read_bytes() for n in ("engine", "record")] == [b"engine", b"{}"]
    assert store.fetch(OTHER, outputs) is None
    assert store.use().entries == 1


def test_files_are_copies_that_may_be_written_to(store: Store, tmp_path: Path) -> None:
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    first, second = (places(tmp_path / name, "engine") for name in ("one", "two"))
    store.fetch(KEY, first)
    assert not first["engine"].is_symlink() and first["engine"].stat().st_nlink == 1
    first["engine"].write_bytes(b"scribble")
    assert store.fetch(KEY, second)
    assert second["engine"].read_bytes() == b"engine"


def test_other_outputs_than_those_put_in_are_not_served(store: Store, tmp_path: Path) -> None:
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert store.fetch(KEY, places(tmp_path / "out", "engine", "record")) is None
    assert not (tmp_path / "out").exists()


def spoil_a_byte(entry: Path) -> None:
    (entry / "engine").write_bytes(b"enginE")


def cut_short(entry: Path) -> None:
    (entry / "engine").write_bytes(b"eng")


def lose_a_file(entry: Path) -> None:
    (entry / "engine").unlink()


def garble_the_list(entry: Path) -> None:
    (entry / ENTRY).write_text("{")


def list_of_another_kind(entry: Path) -> None:
    (entry / ENTRY).write_text('["engine"]')


def lose_the_list(entry: Path) -> None:
    (entry / ENTRY).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        spoil_a_byte,
        cut_short,
        lose_a_file,
        garble_the_list,
        list_of_another_kind,
        lose_the_list,
    ],
)
def test_a_damaged_entry_is_not_used_and_replaced(
    store: Store, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    digests = keep(store, tmp_path / "in", KEY, engine=b"engine")
    damage(store.root / KEY[:2] / KEY)
    outputs = places(tmp_path / "out", "engine")
    assert store.fetch(KEY, outputs) is None
    assert not outputs["engine"].exists()
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert store.fetch(KEY, outputs) == digests


def test_trouble_with_the_output_does_not_cost_the_entry(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, tmp_path / "in", KEY, engine=b"engine")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "copyfile", full)
        assert store.fetch(KEY, places(tmp_path / "out", "engine")) is None
    assert store.fetch(KEY, places(tmp_path / "out", "engine"))


def test_a_full_disk_costs_the_entry_alone(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(source: Path, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    with monkeypatch.context() as patch:
        patch.setattr(module.shutil, "copyfile", full)
        keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert "does not take the result" in caplog.text and "No space left" in caplog.text
    assert store.use() == StoreUse(0, 0)
    assert list(store.root.glob(".put-*")) == []
    assert keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert store.use().entries == 1


def test_a_store_that_cannot_be_made_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in place of a folder")
    store = Store(tmp_path / "file/store")
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert store.fetch(KEY, places(tmp_path / "out", "engine")) is None
    assert "does not take the result" in caplog.text
    assert store.use() == StoreUse(0, 0)


@pytest.mark.skipif(not shutil.which("unshare"), reason="mounts need unshare")
def test_a_read_only_store_still_serves(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    (tmp_path / "new").write_bytes(b"new")
    code = f"""
import sys
from pathlib import Path
from segtrt.plan.store import Store
store, here = Store(Path({str(store.root)!r})), Path({str(tmp_path)!r})
store.put({OTHER!r}, {{"engine": here / "new"}}, {{"engine": "0"}})
fetched = store.fetch({KEY!r}, {{"engine": here / "out"}})
print(bool(fetched), store.forget({KEY!r}), store.use().entries)
"""
    root, library = store.root, Path(module.__file__).parents[1]
    mount = f"mount --bind {root} {root} && mount -o remount,bind,ro {root}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, code],
        env={**os.environ, "PYTHONPATH": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "mount" in done.stderr:
        pytest.skip("mounts are not allowed here")
    assert done.stdout.split() == ["True", "False", "1"], done.stderr
    assert (tmp_path / "out").read_bytes() == b"engine"


def test_the_store_stays_within_its_size(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", max_gib=3500 / 2**30)
    keys = [f"{i:02x}" * 32 for i in range(6)]
    for age, key in enumerate(keys[:3]):
        keep(store, tmp_path / "in", key, engine=bytes(1000))
        os.utime(store.root / key[:2] / key / ENTRY, (1000 + age, 1000 + age))
    assert store.fetch(keys[0], places(tmp_path / "out", "engine"))
    keep(store, tmp_path / "in", keys[3], engine=bytes(1000))
    here = [key for key in keys if store.fetch(key, places(tmp_path / "out", "engine"))]
    assert here == [keys[0], keys[2], keys[3]], "the least recently used one goes"
    assert store.use().bytes <= 3500


def test_a_result_larger_than_the_store_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", max_gib=1000 / 2**30)
    keep(store, tmp_path / "in", KEY, engine=bytes(500))
    keep(store, tmp_path / "in", OTHER, engine=bytes(2000))
    assert store.fetch(OTHER, places(tmp_path / "out", "engine")) is None
    assert store.fetch(KEY, places(tmp_path / "out", "engine"))


def test_what_killed_processes_left_is_swept(store: Store, tmp_path: Path) -> None:
    store.root.mkdir()
    old, young, half = store.root / ".put-old", store.root / ".put-young", store.root / "ee/ee"
    future = store.root / ".put-future"
    for folder in (old, young, half, future):
        made(folder, engine=b"half")
    os.utime(old, (1, 1))
    os.utime(future, (time.time() + 10 * ABANDONED_S,) * 2)
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert not old.exists() and young.exists() and not half.exists() and not future.exists()
    assert store.use().entries == 1


def test_forget_and_clear(store: Store, tmp_path: Path) -> None:
    for key in (KEY, OTHER):
        keep(store, tmp_path / "in", key, engine=b"engine")
    assert store.forget(KEY) and store.forget(KEY)
    assert store.fetch(KEY, places(tmp_path / "out", "engine")) is None
    before = store.use()
    assert before.entries == 1 and before.bytes > len(b"engine")
    assert store.clear() == before
    assert store.use() == StoreUse(0, 0)


def _work(root: str, number: int, rounds: int) -> None:
    """Put and fetch the same few keys as others do; every fetch that is served must be whole."""
    logging.disable(logging.WARNING)
    store = Store(Path(root) / "store", max_gib=200_000 / 2**30)
    for i in range(rounds):
        key = f"{(i * 7 + number) % 5:02x}" * 32
        content = key.encode() * 1000
        out = places(Path(root) / f"out{number}", "engine")
        known = store.fetch(key, out)
        if known is not None:
            assert out["engine"].read_bytes() == content
        else:
            keep(store, Path(root) / f"in{number}", key, engine=content)
        if i % 10 == 9:
            store.forget(key)


def test_several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(str(tmp_path), n, 60)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    store = Store(tmp_path / "store")
    assert store.use().bytes < 250_000
    assert list(store.root.glob(".put-*")) == []
    for entry in store.root.glob(f"??/*/{ENTRY}"):
        known = json.loads(entry.read_text())
        assert {name: sha256_file(entry.parent / name) for name in known} == known


def test_a_shared_store_follows_the_umask_and_the_group(store: Store, tmp_path: Path) -> None:
    store.root.mkdir(parents=True, exist_ok=True)
    store.root.chmod(0o2775)
    old = os.umask(0o002)
    try:
        keep(store, tmp_path / "in", KEY, engine=b"engine")
    finally:
        os.umask(old)
    entry = store.root / KEY[:2] / KEY
    assert entry.stat().st_mode == entry.parent.stat().st_mode
    assert entry.stat().st_mode & 0o777 == 0o775
    assert (entry / "engine").stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize(
    ("value", "root"),
    [("off", None), ("OFF", None), ("/some/where", "/some/where"), ("~/x", "HOME/x")],
)
def test_the_environment_names_the_folder(
    value: str, root: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SEGTRT_CACHE", value)
    expected = root and Path(root.replace("HOME", str(tmp_path)))
    assert cache_root() == expected
    store = default_store()
    assert (store and store.root) == (expected and expected / STORE)


def test_the_usual_folder_is_in_the_users_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SEGTRT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_root() == tmp_path / ".cache/segtrt"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert cache_root() == Path("/var/cache/segtrt")


def test_entries_of_earlier_versions_are_never_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGTRT_CACHE", str(tmp_path / "cache"))
    keep(Store(tmp_path / "cache/store"), tmp_path / "in", KEY, engine=b"another job's")
    store = default_store()
    assert store and store.fetch(KEY, places(tmp_path / "out", "engine")) is None
    assert store.use() == StoreUse(0, 0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["ten", "-1", "0", "nan", "inf"])
def test_a_size_that_is_none_is_reported_and_passed_over(
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("SEGTRT_CACHE", str(tmp_path))
    monkeypatch.setenv("SEGTRT_CACHE_GIB", value)
    store = default_store()
    assert store and f"SEGTRT_CACHE_GIB is {value!r}" in caplog.text
    keep(store, tmp_path / "in", KEY, engine=b"engine")
    assert store.use().entries == 1
