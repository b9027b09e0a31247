"""A real SLURM on this machine: four virtual nodes with two virtual GPUs each, no systemd, no
accounting, no cgroups.

Needs root and Debian's slurmctld, slurmd, slurm-client, munge, slurm-wlm-basic-plugins. Every
process is ended by its id.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")
# The default place, not $SLURM_CONF: the executor's job step drops that variable from the
# environment.
ETC = Path("/etc/slurm")

_MARK = "# Of EpiGPT's tests; may be deleted."
_CONFIG = """\
{mark}
ClusterName=local
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/spool/%n
SlurmctldPidFile={state}/run/slurmctld.pid
SlurmdPidFile={state}/run/slurmd-%n.pid
SlurmctldLogFile={state}/log/slurmctld.log
SlurmdLogFile={state}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
GresTypes=gpu
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdTimeout=10
SlurmctldTimeout=20
InactiveLimit=0
KillWait=3
MinJobAge=3600
KillOnBadExit=1
AccountingStorageType=accounting_storage/none
PropagateResourceLimits=NONE
"""


class Cluster:
    """Starts on creation; `stop` ends what was started."""

    def __init__(
        self, state: Path, nodes: int = 4, cpus: int = 4, memory_mb: int = 8000, gpus: int = 2
    ) -> None:
        self.state = state
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self._munge: int | None = None
        for folder in ("controller", "spool", "log", "run", "gpu"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        self._start_munge()
        self._configure(cpus, memory_mb, gpus)
        subprocess.run(["slurmctld"], check=True)
        for node in self.nodes:
            self.start_node(node)
        self._wait_until_idle()

    def _start_munge(self) -> None:
        runtime = Path("/run/munge")
        runtime.mkdir(exist_ok=True)
        shutil.chown(runtime, "munge", "munge")
        if subprocess.run(["munge", "-n"], capture_output=True, check=False).returncode == 0:
            return  # the machine has one already, and keeps it
        subprocess.run(["runuser", "-u", "munge", "--", "/usr/sbin/munged"], check=True)
        self._munge = int(_await_file(runtime / "munged.pid").read_text())

    def _configure(self, cpus: int, memory_mb: int, gpus: int) -> None:
        host = socket.gethostname().partition(".")[0]
        config = _CONFIG.format(mark=_MARK, host=host, state=self.state)
        gres = ""
        for number, node in enumerate(self.nodes, 1):
            config += (
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={17000 + number}"
                f" CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1"
                f" RealMemory={memory_mb} Gres=gpu:h100:{gpus} State=UNKNOWN\n"
            )
            for gpu in range(gpus):
                # Only character devices count as GPUs; this one is /dev/null's.
                device = self.state / "gpu" / f"{node}-{gpu}"
                if not device.exists():
                    os.mknod(device, 0o020666, os.makedev(1, 3))
            gres += (
                f"NodeName={node} Name=gpu Type=h100 Flags=nvidia_gpu_env"
                f" File={self.state}/gpu/{node}-[0-{gpus - 1}]\n"
            )
            (self.state / "spool" / node).mkdir(exist_ok=True)
        config += "PartitionName=cpu Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP\n"
        config += "PartitionName=gpu Nodes=ALL MaxTime=2-00:00:00 State=UP\n"
        ETC.mkdir(exist_ok=True)
        for name, text in (("slurm.conf", config), ("gres.conf", gres)):
            (self.state / name).write_text(text)
            (ETC / name).unlink(missing_ok=True)
            (ETC / name).symlink_to(self.state / name)

    def start_node(self, node: str) -> None:
        """Start the daemon of one node."""
        subprocess.run(["slurmd", "-N", node], check=True)

    def node_pid(self, node: str) -> int:
        """Give the process id of a node's daemon."""
        return int(_await_file(self.state / "run" / f"slurmd-{node}.pid").read_text())

    def _wait_until_idle(self, seconds: float = 30) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            listed = subprocess.run(
                ["sinfo", "-h", "-p", "cpu", "-N", "-t", "idle", "-o", "%N"],
                capture_output=True,
                text=True,
                check=False,
            )
            if len(listed.stdout.split()) == len(self.nodes):
                return
            time.sleep(0.1)
        log = (self.state / "log" / "slurmctld.log").read_text()
        raise TimeoutError(f"the cluster did not become idle:\n{log[-2000:]}")

    def jobs(self) -> list[str]:
        """List jobs that wait or run."""
        listed = subprocess.run(
            ["squeue", "-h", "-t", "PENDING,RUNNING,COMPLETING", "-o", "%i"],
            capture_output=True,
            text=True,
            check=True,
        )
        return listed.stdout.split()

    def stop(self) -> None:
        """Cancel what is left and end every process that was started."""
        if left := self.jobs():
            subprocess.run(["scancel", *left], check=False)
        pids = [
            int(path.read_text())
            for path in (self.state / "run").glob("*.pid")
            if path.read_text().strip()
        ]
        for pid in [*pids, *([self._munge] if self._munge else [])]:
            _end(pid)
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)


def _await_file(path: Path, seconds: float = 10) -> Path:
    ends = time.monotonic() + seconds
    while not (path.exists() and path.read_text().strip()):
        if time.monotonic() > ends:
            raise TimeoutError(f"{path} did not appear")
        time.sleep(0.05)
    return path


def _end(pid: int, seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    try:
        os.kill(pid, 15)
        while time.monotonic() < ends:
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def missing() -> str:
    """Say why no cluster can be started here; empty if one can."""
    lacking = [
        name
        for name in PROGRAMS
        if shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin") is None
    ]
    if lacking:
        return f"no {', '.join(lacking)} on this machine; `make test-slurm` installs them"
    if os.geteuid() != 0:
        return "starting a SLURM needs root"
    settings = ETC / "slurm.conf"
    if settings.exists() and _MARK not in settings.read_text():
        return f"this machine belongs to a cluster already: {settings}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.mknod(Path(folder) / "gpu", 0o020666, os.makedev(1, 3))
        except PermissionError:
            return (
                "this machine lets nobody make the device files that stand for GPUs (a container"
                " without CAP_MKNOD?)"
            )
    return ""
