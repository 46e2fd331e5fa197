"""Limits of control groups, from trees with the files that kernels write."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirante.sources.host.container import Container

GIB = 2**30
# what a kernel 6.1 writes, cut down to some lines
MEMORY_STAT_2 = (
    "anon 734003200\nfile 314572800\ninactive_anon 0\ninactive_file 209715200\nactive_file 104857600\n"
)
CPU_STAT_2 = (
    "usage_usec {usage}\nuser_usec 1\nsystem_usec 1\nnr_periods 90\nnr_throttled 7\nthrottled_usec 2500000\n"
)
MEMORY_EVENTS = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"
NO_LIMIT_1 = 9223372036854771712


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(
            f"{text}\n" if not str(text).endswith("\n") else str(text)
        )


def figures(container: Container) -> dict[str, float]:
    return {one.name.removeprefix("system_container_"): one.value for one in container.figures()}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


def group_2(
    folder: Path, *, memory_max: object = GIB, usage: int = 10_000_000, quota: str = "200000"
) -> None:
    write(
        folder,
        cpu__max=f"{quota} 100000",
        cpu__stat=CPU_STAT_2.format(usage=usage),
        memory__max=memory_max,
        memory__current=1_048_576_000,
        memory__stat=MEMORY_STAT_2,
        memory__events=MEMORY_EVENTS,
    )


def test_version_2_in_a_container(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/\n")
    root = tmp_path / "cgroup"
    write(root, cgroup__controllers="cpuset cpu io memory hugetlb pids rdma misc")
    group_2(root)
    times = iter([100.0, 110.0, 120.0])
    container = Container(root, own, memory=16 * GIB, clock=lambda: next(times))
    group_2(root, usage=20_000_000)
    assert figures(container) == {
        "cpu_percent": 50.0,  # 10 s of 10 s on 2 cores
        "cpu_limit_cores": 2.0,
        "throttled_seconds_total": 2.5,
        "memory_percent": pytest.approx(100 * 838_860_800 / GIB),  # what can be given back is not counted
        "memory_used_bytes": 838_860_800,
        "memory_limit_bytes": GIB,
        "oom_kills_total": 2,
    }
    assert figures(container)["cpu_percent"] == 0.0


def test_no_limit_says_nothing(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/user.slice/session-1.scope\n")
    write(tmp_path / "cgroup", cgroup__controllers="cpu memory")
    group_2(tmp_path / "cgroup/user.slice/session-1.scope", memory_max="max", quota="max")
    assert figures(Container(tmp_path / "cgroup", own, memory=16 * GIB)) == {}


def test_a_limit_above_the_machine_is_none(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/\n")
    write(tmp_path / "cgroup", cgroup__controllers="memory")
    group_2(tmp_path / "cgroup", memory_max=16 * GIB, quota="max")
    assert figures(Container(tmp_path / "cgroup", own, memory=16 * GIB)) == {}


def test_the_limit_of_a_group_further_up_counts(tmp_path: Path, own: Path) -> None:
    own.write_text("0::/system.slice/mirante.service\n")
    root = tmp_path / "cgroup"
    write(root, cgroup__controllers="cpu memory")
    group_2(root / "system.slice", memory_max=2 * GIB, quota="50000")
    group_2(root / "system.slice/mirante.service", memory_max=8 * GIB, quota="max")
    found = figures(Container(root, own, memory=16 * GIB))
    assert found["memory_limit_bytes"] == 2 * GIB
    assert found["cpu_limit_cores"] == 0.5


@pytest.mark.parametrize("line", ["0::/docker/0123abcd\n", "0::/../../docker/0123abcd\n", "", "garbage"])
def test_a_path_as_seen_from_outside_means_the_root_that_we_see(tmp_path: Path, own: Path, line: str) -> None:
    own.write_text(line)
    write(tmp_path / "cgroup", cgroup__controllers="memory")
    group_2(tmp_path / "cgroup")
    assert figures(Container(tmp_path / "cgroup", own, memory=16 * GIB))["memory_limit_bytes"] == GIB


@pytest.mark.parametrize("together", [True, False])
def test_version_1(tmp_path: Path, own: Path, together: bool) -> None:
    own.write_text("9:name=systemd:/\n4:memory:/docker/abc\n2:cpuacct:/\n1:cpu,cpuacct:/docker/abc\n")
    root = tmp_path / "cpu" / "cgroup"  # a folder of that name above it does no harm
    write(
        root / "memory/docker/abc",
        memory__limit_in_bytes=GIB,
        memory__usage_in_bytes=GIB // 2,
        memory__stat="cache 9\ntotal_inactive_file 1048576\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
    )
    write(root / "memory", memory__limit_in_bytes=NO_LIMIT_1, memory__usage_in_bytes=5 * GIB)
    folder = root / "cpu/docker/abc"
    write(
        folder,
        cpu__cfs_quota_us=150_000,
        cpu__cfs_period_us=100_000,
        cpu__stat="nr_periods 5\nnr_throttled 1\nthrottled_time 1500000000\n",
    )
    write(root / "cpu", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
    if together:
        (root / "cpuacct").symlink_to(root / "cpu")
    else:
        (root / "cpuacct/docker/abc").mkdir(parents=True)
    usage = root / "cpuacct/docker/abc/cpuacct.usage"
    usage.write_text("1000000000\n")
    times = iter([0.0, 10.0])
    container = Container(root, own, memory=16 * GIB, clock=lambda: next(times))
    usage.write_text("4000000000\n")
    assert figures(container) == {
        "cpu_percent": pytest.approx(20.0),  # 3 s of 15
        "cpu_limit_cores": 1.5,
        "throttled_seconds_total": 1.5,
        "memory_percent": pytest.approx(100 * (GIB // 2 - 1048576) / GIB),
        "memory_used_bytes": GIB // 2 - 1048576,
        "memory_limit_bytes": GIB,
        "oom_kills_total": 4,
    }


@pytest.mark.parametrize("text", ["", "\x00\xff", "max", "100000", "0 0", "-5 100000"])
def test_files_that_hold_nonsense_cost_nothing(tmp_path: Path, own: Path, text: str) -> None:
    own.write_text("0::/\n")
    root = tmp_path / "cgroup"
    write(root, cgroup__controllers="cpu memory")
    for name in ("cpu.max", "cpu.stat", "memory.max", "memory.stat", "memory.events"):
        (root / name).write_text(text, encoding="latin-1")
    write(root, memory__current=5)
    assert figures(Container(root, own, memory=50)) == {}


def test_here() -> None:
    for figure in Container().figures():
        assert figure.value >= 0
