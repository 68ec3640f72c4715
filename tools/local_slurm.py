#!/usr/bin/env python3
"""A Slurm of one node on this machine, for trying and testing the workflow on a batch system.

    tools/local_slurm.py start FOLDER   start it; prints the shell line that makes clients use it
    tools/local_slurm.py stop FOLDER    stop it and its jobs
    tools/local_slurm.py [--cpus N] run FOLDER COMMAND ...   start it, run a command in it, stop it

It listens on the loopback interface only, keeps all its files in FOLDER, has no accounting
database, and pretends to have a GPU: a generic resource that jobs can ask for and queue on.
Needs root and Debian's packages slurm-wlm and munge (tools/install_debian_packages.sh).
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sinfo", "sbatch", "unshare")
SYSTEM_FOLDER = Path("/etc/slurm")
START_SECONDS = 30
STOP_SECONDS = 10

# Slurm's client tools inside a job find their cluster through /etc/slurm only (the workflow's
# executor takes SLURM_* out of a job's environment). So slurmd, and with it every job, runs in a
# mount namespace of its own, where /etc/slurm is this cluster's.
SLURMD = 'mount --bind "$1" /etc/slurm && exec slurmd -N localhost -f /etc/slurm/slurm.conf'

CONFIGURATION = """\
ClusterName=local
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket
SlurmctldPort={controller_port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# Memory is watched, not fenced: a job over its request is killed at the next look.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
# The node is what this file says, whatever the machine has.
SlurmdParameters=config_overrides
SlurmdTimeout=10
KillWait=5
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mib} \
Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP
"""


class SlurmError(Exception):
    """The cluster cannot be started; the message is one line."""


def hindrance() -> str | None:
    """Why a cluster cannot be started here, in one line, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} missing; run tools/install_debian_packages.sh"
    if os.geteuid() != 0:
        return "only root can start Slurm's services"
    try:
        SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{SYSTEM_FOLDER} cannot be made ({error.strerror})"
    namespace = ["unshare", "--mount", "true"]
    if subprocess.run(namespace, capture_output=True, check=False).returncode != 0:
        return "this container allows no mount namespace"
    return None


def start(folder: Path, cpus: int | None = None) -> Path:
    """Start a cluster in `folder` and wait until its node is idle.

    Args:
        folder: where all its files go; made if absent.
        cpus: processors that the node claims to have; None for those of this machine.

    Returns:
        The configuration file, for the environment variable `SLURM_CONF`.

    Raises:
        SlurmError: something is missing, runs already, or does not come up.
    """
    reason = hindrance()
    if reason:
        raise SlurmError(reason)
    folder = folder.resolve()
    etc = folder / "etc"
    if _pid(folder / "slurmctld.pid", "slurmctld") is not None:
        raise SlurmError(f"{folder} has a cluster already; stop it first")
    shutil.rmtree(folder / "state", ignore_errors=True)  # jobs of an earlier cluster
    for part in (etc, folder / "munge", folder / "state", folder / "spool", folder / "log"):
        part.mkdir(parents=True, exist_ok=True, mode=0o755)
    (folder / "munge").chmod(0o755)
    controller_port, node_port = _free_ports(2)
    configuration = etc / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            controller_port=controller_port,
            node_port=node_port,
            host=socket.gethostname().split(".")[0],
            cpus=cpus or os.cpu_count(),
            memory_mib=_memory_mib() * 9 // 10,
        )
    )
    (etc / "gres.conf").write_text("NodeName=localhost Name=gpu Count=1 File=/dev/null\n")
    (etc / "cgroup.conf").write_text("CgroupPlugin=autodetect\n")
    try:
        _start_munge(folder)
        _call(["slurmctld", "-f", str(configuration)], "slurmctld")
        start_node(folder)
        _await_idle(configuration)
    except SlurmError:
        stop(folder)
        raise
    return configuration


def start_node(folder: Path) -> None:
    """Start the node's slurmd; also after it was killed."""
    command = ["unshare", "--mount", "sh", "-c", SLURMD, "sh", str(folder.resolve() / "etc")]
    _call(command, "slurmd")


def lose_node(folder: Path) -> None:
    """Kill slurmd and all that runs on the node, as a power cut does; `start_node` mends it."""
    pid = _pid(folder / "slurmd.pid", "slurmd")
    if pid is None:
        return
    own, theirs = (Path(f"/proc/{one}/ns/mnt") for one in ("self", pid))
    namespace = theirs.readlink()
    if namespace == own.readlink():
        return
    os.kill(pid, signal.SIGKILL)
    # What shares slurmd's mount namespace is slurmd's, and nothing else is.
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "ns" / "mnt").readlink() == namespace:
                os.kill(int(entry.name), signal.SIGKILL)


def stop(folder: Path) -> None:
    """Stop the cluster in `folder` and whatever its jobs still run; does nothing if none runs."""
    lose_node(folder)
    for name in ("slurmctld", "munge/munged"):
        _end(folder / f"{name}.pid", Path(name).name)
    (folder / "slurmd.pid").unlink(missing_ok=True)


@contextlib.contextmanager
def running(folder: Path, cpus: int | None = None) -> Iterator[dict[str, str]]:
    """A cluster for the length of a block; yields the environment that clients need."""
    configuration = start(folder, cpus)
    try:
        yield {"SLURM_CONF": str(configuration)}
    finally:
        stop(folder)


def _start_munge(folder: Path) -> None:
    munge = folder / "munge"
    key = munge / "key"
    key.unlink(missing_ok=True)
    key.touch(mode=0o400)
    key.write_bytes(os.urandom(1024))
    command = ["munged", "--force", f"--key-file={key}", f"--socket={munge / 'socket'}"]
    command += [f"--pid-file={munge / 'munged.pid'}", f"--log-file={munge / 'log'}"]
    _call([*command, f"--seed-file={munge / 'seed'}"], "munged")


def _call(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reported = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise SlurmError(f"{name} does not start: {reported[-1]}")


def _await_idle(configuration: Path) -> None:
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    state = ""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        command = ["sinfo", "--noheader", "--format=%t", "--partition=main"]
        reported = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        state = reported.stdout.strip()
        if state == "idle":
            return
        time.sleep(0.2)
    logs = configuration.parents[1] / "log"
    raise SlurmError(f"the node is {state or 'unknown'} after {START_SECONDS} s; see {logs}")


def _pid(pid_file: Path, name: str) -> int | None:
    """The process of a pid file, None if it is gone or another program has its number."""
    try:
        pid = int(pid_file.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == name else None
    except (OSError, ValueError):
        return None


def _end(pid_file: Path, name: str) -> None:
    """End the process of a pid file, by force if it takes long."""
    pid = _pid(pid_file, name)
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]


def _memory_mib() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="A Slurm of one node on this machine.")
    parser.add_argument("action", choices=("start", "stop", "run"))
    parser.add_argument("folder", type=Path, help="where all its files go")
    parser.add_argument("--cpus", type=int, help="processors the node claims (default: all here)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="for run: what to run in it")
    arguments = parser.parse_args()
    try:
        if arguments.action == "start":
            print(f"export SLURM_CONF={start(arguments.folder, arguments.cpus)}")
        elif arguments.action == "stop":
            stop(arguments.folder)
        else:
            if not arguments.command:
                parser.error("run needs a command")
            with running(arguments.folder, arguments.cpus) as environment:
                return subprocess.run(
                    arguments.command, env={**os.environ, **environment}, check=False
                ).returncode
    except SlurmError as error:
        print(f"local_slurm: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
