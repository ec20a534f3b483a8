"""A SLURM cluster of one node in a temporary folder: daemons of this user, with their own ports, key and socket."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

COMMANDS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo")
CONFIGURATION = """
ClusterName=quietscope
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=1,bf_interval=1
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
SECONDS_TO_START, SECONDS_TO_END = 20, 10


class NoClusterError(RuntimeError):
    """SLURM is not installed, or cannot start here."""


def _commands() -> dict[str, str]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = {name: shutil.which(name, path=path) for name in COMMANDS}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        raise NoClusterError(f"no {', '.join(missing)}")
    return {name: str(place) for name, place in found.items()}


def _free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        port: int = each.getsockname()[1]
        return port


@contextmanager
def slurm(folder: Path, cpus: int = 2, megabytes: int = 4096) -> Iterator[dict[str, str]]:
    """Start a cluster; all of its processes end with the block.

    Args:
        folder: Where all its files go.
        cpus: What the node says that it has.
        megabytes: Likewise.

    Yields:
        The environment in which `sbatch` and the like find it.

    Raises:
        NoClusterError: If it cannot start.
    """
    commands, host = _commands(), socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    folder.chmod(0o700)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    configuration = folder / "slurm.conf"
    ports = {"controller": _free_port(), "node": _free_port()}
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    values = {"host": host, "folder": folder, "user": user, "cpus": cpus, "memory": megabytes, **ports}
    configuration.write_text(CONFIGURATION.format(**values))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    files = [f"--{name}-file={folder / f'munge.{name}'}" for name in ("key", "pid", "log", "seed")]
    munged = ["--foreground", "--force", f"--socket={folder / 'munge.socket'}", "--num-threads=2", *files]
    with ExitStack() as running:
        for name, words in (("munged", munged), ("slurmctld", ["-D", "-c"]), ("slurmd", ["-D"])):
            running.enter_context(_daemon([commands[name], *words], environment, folder / f"{name}.out"))
        _wait_for_node(commands["sinfo"], environment, folder)
        yield environment


@contextmanager
def _daemon(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=log.parent)
    try:
        time.sleep(0.5)
        if process.poll() is not None:
            raise NoClusterError(f"{Path(command[0]).name}: {log.read_text()[-500:]}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_node(sinfo: str, environment: dict[str, str], folder: Path) -> None:
    until = time.monotonic() + SECONDS_TO_START
    state = ""
    while time.monotonic() < until:
        told = subprocess.run([sinfo, "-h", "-o", "%t"], env=environment, capture_output=True, text=True, check=False)
        state = told.stdout.strip() or told.stderr.strip()
        if state == "idle":
            return
        time.sleep(0.3)
    logs = "\n".join(path.read_text()[-1000:] for path in sorted(folder.glob("*.log")))
    raise NoClusterError(f"a node that is {state!r}\n{logs}")
