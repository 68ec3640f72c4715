"""Limits of control groups, from made-up trees of both versions."""

from pathlib import Path

import pytest
from segtrt.machine import cgroup
from segtrt.machine.cgroup import cpu_quota, memory_limit
from segtrt.machine.cpu import available_cores

NO_LIMIT_V1 = "9223372036854771712"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Tree":
    monkeypatch.setattr(cgroup, "GROUPS", tmp_path / "proc")
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path / "cgroup")
    return Tree(tmp_path)


class Tree:
    """Files as the kernel shows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def groups(self, *lines: str) -> None:
        (self.folder / "proc").write_text("".join(f"{line}\n" for line in lines))

    def write(self, path: str, text: str) -> None:
        file = self.folder / "cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")


def test_without_control_groups_there_is_no_limit(tree: Tree) -> None:
    assert (cpu_quota(), memory_limit()) == (None, None)
    tree.groups("0::/")
    assert (cpu_quota(), memory_limit()) == (None, None)
    tree.write("cpu.max", "max 100000")
    tree.write("memory.max", "max")
    assert (cpu_quota(), memory_limit()) == (None, None)


def test_version_2_counts_the_least_on_the_way_up(tree: Tree) -> None:
    tree.groups("0::/pods/pod1/main")
    tree.write("pods/pod1/main/cpu.max", "400000 100000")
    tree.write("pods/pod1/main/memory.max", "max")
    assert (cpu_quota(), memory_limit()) == (4.0, None)
    tree.write("pods/cpu.max", "150000 50000")
    tree.write("pods/pod1/memory.max", "2000000000")
    assert (cpu_quota(), memory_limit()) == (3.0, 2_000_000_000)
    tree.write("other/cpu.max", "10000 100000")
    assert cpu_quota() == 3.0


def test_in_a_container_of_version_2_its_own_group_is_the_top(tree: Tree) -> None:
    tree.groups("0::/")
    tree.write("cpu.max", "250000 100000")
    tree.write("memory.max", "1073741824")
    assert (cpu_quota(), memory_limit()) == (2.5, 1 << 30)
    tree.groups("0::/../../outside")
    assert cpu_quota() == 2.5


def test_version_1_has_a_tree_for_each_controller(tree: Tree) -> None:
    tree.groups("12:memory:/docker/abc", "5:cpu,cpuacct:/docker/abc", "1:name=systemd:/docker/abc")
    for folder in ("cpu,cpuacct", "memory"):
        tree.write(f"{folder}/cpu.cfs_period_us", "100000")
    tree.write("cpu,cpuacct/cpu.cfs_quota_us", "-1")
    tree.write("memory/memory.limit_in_bytes", NO_LIMIT_V1)
    # Of another controller's tree nothing counts.
    tree.write("memory/cpu.cfs_quota_us", "50000")
    assert (cpu_quota(), memory_limit()) == (None, None)
    # The group of the container is not to be seen within it, but its limits are at the top.
    tree.write("cpu,cpuacct/cpu.cfs_quota_us", "200000")
    tree.write("memory/memory.limit_in_bytes", "536870912")
    assert (cpu_quota(), memory_limit()) == (2.0, 512 << 20)
    tree.write("cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "100000")
    tree.write("cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000")
    assert cpu_quota() == 1.0


def test_both_versions_at_once(tree: Tree) -> None:
    tree.groups("3:cpu:/job", "0::/job")
    tree.write("cpu/job/cpu.cfs_quota_us", "300000")
    tree.write("cpu/job/cpu.cfs_period_us", "100000")
    tree.write("unified/job/memory.max", "1000")
    assert (cpu_quota(), memory_limit()) == (3.0, 1000)


@pytest.mark.parametrize(
    "text", ["", "x y", "100000", "-5 100000", "0 100000", "100000 0", "1 2 3"]
)
def test_what_is_no_quota_is_none(tree: Tree, text: str) -> None:
    tree.groups("0::/", "garbage", "")
    tree.write("cpu.max", text)
    assert cpu_quota() is None


@pytest.mark.parametrize(
    ("affinity", "quota", "cores"),
    [
        (8, None, 8),
        (8, "max 100000", 8),
        (8, "300000 100000", 3),
        (2, "800000 100000", 2),
        (8, "399999 100000", 3),
        (8, "50000 100000", 1),
    ],
)
def test_cores_are_the_least_of_affinity_and_quota(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, affinity: int, quota: str | None, cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(affinity)))
    tree.groups("0::/")
    if quota:
        tree.write("cpu.max", quota)
    assert available_cores() == cores
