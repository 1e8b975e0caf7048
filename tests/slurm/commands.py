"""sbatch, squeue, scancel and srun by the name that this file is called by. Jobs are processes of this machine.

The folder in FAKE_SLURM holds a file for each job; a file `hold` there lets none begin, `slow` has sbatch wait before
it reads the script, and `down` is a controller that doesn't answer. Plain Python: a cluster's commands know nothing of
what calls them.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SPOOL = Path(os.environ["FAKE_SLURM"])
KILL_WAIT = 10.0  # seconds from SIGTERM to SIGKILL
ALIVE = ("PENDING", "RUNNING", "COMPLETING")


@contextmanager
def locked() -> Iterator[None]:
    with (SPOOL / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read(number: str) -> dict:
    return json.loads((SPOOL / f"{number}.json").read_text())


def write(number: str, **changes: object) -> None:
    path = SPOOL / f"{number}.json"
    with locked():
        job = {**(read(number) if path.exists() else {}), **changes}
        draft = SPOOL / f"{number}.draft"
        draft.write_text(json.dumps(job))
        os.replace(draft, path)


def detached(*words: str) -> None:
    subprocess.Popen(
        [sys.executable, __file__, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def sbatch(words: list[str]) -> None:
    options = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    with locked():
        number = str(len(list(SPOOL.glob("*.json"))) + 1)
        (SPOOL / f"{number}.json").write_text("{}")
    while (SPOOL / "slow").exists():
        time.sleep(0.05)
    script = sys.stdin.read()
    if not script.startswith("#!"):
        (SPOOL / f"{number}.json").unlink()
        sys.exit("sbatch: error: This does not look like a batch script.")
    (SPOOL / f"{number}.sh").write_text(script)
    about = {"name": options["job-name"], "output": options["output"], "options": options, "starts": 0}
    begin(number, **about)
    print(number)


def begin(number: str, **about: object) -> None:
    """Queues the job; its node takes it at once, or when nothing holds it any more."""
    write(number, **about, state="PENDING", reason="Priority", pid=0, node=0)
    detached("node", number)


def node(number: str) -> None:
    """Carries a job out, as the daemon of a node does."""
    while (SPOOL / "hold").exists():
        time.sleep(0.05)
        if read(number)["state"] != "PENDING":
            return
    job = read(number)
    with open(job["output"], "ab") as output:
        script = subprocess.Popen(
            ["/bin/sh", SPOOL / f"{number}.sh"],
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "SLURM_JOB_NUM_NODES": job["options"]["nodes"]},
        )
    write(number, state="RUNNING", reason="None", pid=script.pid, node=os.getpid(), starts=job["starts"] + 1)
    code = script.wait()
    if read(number)["state"] == "RUNNING":  # else whoever ended it says how
        write(number, state="COMPLETED" if code == 0 else "FAILED", reason="None" if code == 0 else "NonZeroExitCode")


def srun(words: list[str]) -> None:
    """Begins the command once for each node, hands a SIGTERM on, and ends those that outlive the first by --wait."""
    options = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))
    command = words[next(nth for nth, word in enumerate(words) if not word.startswith("--")) :]
    about = {"SLURM_LAUNCH_NODE_IPADDR": "127.0.0.1"}
    tasks = [
        subprocess.Popen(command, env={**os.environ, **about, "SLURM_NODEID": str(number)})
        for number in range(int(os.environ["SLURM_JOB_NUM_NODES"]))
    ]
    signal.signal(signal.SIGTERM, lambda *about: [task.terminate() for task in tasks])
    ended = float("inf")
    while any(task.poll() is None for task in tasks):
        if ended == float("inf") and any(task.poll() is not None for task in tasks):
            ended = time.monotonic()
        if time.monotonic() - ended > float(options["wait"]):
            for task in tasks:
                task.kill()
        time.sleep(0.05)
    sys.exit(max(abs(task.returncode) for task in tasks))


def end(number: str, state: str) -> None:
    """Ends a job as Slurm does, and says so when its processes have ended; `requeue` has it wait again."""
    job = read(number)
    write(number, state="COMPLETING" if job["pid"] else state)
    deadline = time.monotonic() + KILL_WAIT
    for how in (signal.SIGTERM, signal.SIGKILL):
        while is_there(job["pid"], how) and (how is signal.SIGKILL or time.monotonic() < deadline):
            time.sleep(0.05)
    if state == "requeue":
        begin(number)
    else:
        write(number, state=state, reason="None")


_told: set[tuple[int, int]] = set()


def is_there(group: int, how: signal.Signals) -> bool:
    """Signals the group once, and tells whether it has a process that isn't a zombie."""
    if not group:
        return False
    try:
        os.killpg(group, 0 if (group, how) in _told else how)
        _told.add((group, how))
        return Path(f"/proc/{group}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def squeue(words: list[str]) -> None:
    [wanted] = [word.removeprefix("--name=").split(",") for word in words if word.startswith("--name=")]
    for path in SPOOL.glob("*.json"):
        job = read(path.stem)
        if job.get("name") in wanted:
            print(f"{path.stem}|{job['name']}|{job['state']}|{job['reason']}")


def scancel(words: list[str]) -> None:
    if read(words[0])["state"] in ALIVE:
        detached("end", words[0], "CANCELLED")


if __name__ == "__main__":
    command, *rest = [Path(sys.argv[0]).name, *sys.argv[1:]]
    if command.endswith(".py"):
        command, *rest = rest
    if command in ("sbatch", "squeue", "scancel") and (SPOOL / "down").exists():
        sys.exit(f"{command}: error: Unable to contact slurm controller (connect failure)")
    if command in ("node", "end"):
        {"node": node, "end": end}[command](*rest)
    else:
        {"sbatch": sbatch, "squeue": squeue, "scancel": scancel, "srun": srun}[command](rest)
