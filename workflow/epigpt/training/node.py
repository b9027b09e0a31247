"""The training processes of one node of several: run by srun once per node, starts torchrun with
what SLURM says of the job."""

import argparse
import os
import socket
import subprocess
import sys

# Jobs that share a first node must not share a port; below the range that systems give out by
# themselves.
FIRST_PORT, PORTS = 20000, 10000


def main() -> None:
    """Replace this process by torchrun; what follows the options is passed on to it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, required=True, help="processes on each node")
    options, stage = parser.parse_known_args()
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        *rendezvous(dict(os.environ), options.devices),
        *stage,
    ]
    os.execv(sys.executable, command)  # noqa: S606 - srun's signals then reach torchrun itself


def rendezvous(environment: dict[str, str], devices: int) -> list[str]:
    """Return torchrun's options for this node.

    Parameters
    ----------
    environment
        As srun sets it up: SLURM_NODEID, SLURM_NNODES, SLURM_JOB_ID, SLURM_JOB_NODELIST,
        SLURM_LAUNCH_NODE_IPADDR.
    devices
        Processes on each node.
    """
    return [
        f"--nnodes={environment['SLURM_NNODES']}",
        f"--node-rank={environment['SLURM_NODEID']}",
        f"--nproc-per-node={devices}",
        f"--master-addr={_first_host(environment)}",
        f"--master-port={FIRST_PORT + int(environment['SLURM_JOB_ID']) % PORTS}",
        "--max-restarts=0",
    ]


def _first_host(environment: dict[str, str]) -> str:
    """Name the first node of the job, or its address where SLURM's name of the node is none that
    the network knows."""
    nodes = environment.get("SLURM_STEP_NODELIST") or environment["SLURM_JOB_NODELIST"]
    listed = subprocess.run(
        ["scontrol", "show", "hostnames", nodes],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    first = listed.stdout.split()[0]
    try:
        socket.getaddrinfo(first, None)
    except socket.gaierror:
        # srun was started on the first node.
        return environment["SLURM_LAUNCH_NODE_IPADDR"]
    return first


if __name__ == "__main__":
    main()
