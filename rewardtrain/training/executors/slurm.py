"""Slurm, by its own commands: sbatch, squeue and scancel. What people typed is a word of its own there, or refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from django.conf import settings

from artifacts import store
from rewardtrain.training.executors import slurm_script
from rewardtrain.training.executors.executor import NOTHING, Job, Limits, SchedulerAway, Seen, State

COMMANDS = ("sbatch", "squeue", "scancel")
SECONDS = 20  # for one command
# Secrets of this site, which no node needs: sbatch has a job inherit the variables that it is called with.
OWN = frozenset(("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "PODIUM_STORAGE", "PODIUM_REWARDS_SERVERS",
                 "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))  # fmt: skip
TERM_SECONDS = 120  # before a job's time is over it is told, to have a checkpoint

# https://slurm.schedmd.com/job_state_codes.html; what isn't here is taken for running.
STATES = {
    **dict.fromkeys(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT",
                     "RESV_DEL_HOLD", "STAGE_OUT"), State.PENDING),
    **dict.fromkeys(("COMPLETED", "FAILED", "OUT_OF_MEMORY", "LAUNCH_FAILED", "RECONFIG_FAIL", "REVOKED"), State.ENDED),
    **dict.fromkeys(("NODE_FAIL", "BOOT_FAIL"), State.LOST),
    **dict.fromkeys(("TIMEOUT", "DEADLINE"), State.TIMED_OUT),
    "PREEMPTED": State.PREEMPTED,
    "CANCELLED": State.CANCELLED,
}  # fmt: skip


class Slurm:
    """Jobs of one cluster, by their names, which nobody else has."""

    title = "Slurm"

    def submit(self, job: Job) -> str:
        if known := self.look([job.name]).get(job.name):
            return known.id
        wanted = job.resources
        options = [
            "--parsable", "--requeue", "--open-mode=append", f"--nodes={wanted.nodes}", "--ntasks-per-node=1",
            "--dependency=singleton",
            f"--job-name={job.name}", f"--output={job.output}", f"--time={wanted.hours}:00:00",
            f"--signal=B:TERM@{TERM_SECONDS}",
        ]  # fmt: skip
        options += [f"--partition={wanted.queue}"] if wanted.queue else []
        options += [f"--gres=gpu:{wanted.gpus}"] if wanted.gpus else []
        script = slurm_script.fill(slurm_script.template(), job)
        return _ask("sbatch", *options, given=script).strip().partition(";")[0]

    def look(self, names: Sequence[str], ids: Mapping[str, str] = NOTHING) -> Mapping[str, Seen]:
        if not names:
            return {}
        said = _ask("squeue", "--noheader", "--states=all", f"--name={','.join(names)}", "--format=%i|%j|%T|%r")
        rows = [line.strip().split("|", 3) for line in said.splitlines() if line.count("|") >= 3]
        seen: dict[str, Seen] = {}
        for number, name, state, reason in sorted(rows, key=lambda row: int(re.sub(r"\D.*", "", row[0]) or 0)):
            found = Seen(number, STATES.get(state, State.RUNNING), "" if reason == "None" else reason[:200])
            if not (name in seen and seen[name].is_alive):  # of two, one waits for the other: --dependency=singleton
                seen[name] = found
        return seen

    def cancel(self, job: Seen) -> None:
        _ask("scancel", job.id)

    def missing(self) -> list[str]:
        lacking = [name for name in COMMANDS if shutil.which(name) is None]
        words = [f"{name} is not on the PATH: install Slurm's client commands on this machine." for name in lacking]
        try:
            slurm_script.check(slurm_script.template(), nodes=settings.SLURM_NODES)
        except (OSError, ValueError) as error:
            words.append(f"PODIUM_SLURM_TEMPLATE is {settings.SLURM_TEMPLATE!r}, but {error}")
        return words

    def limits(self) -> Limits:
        return Limits(settings.SLURM_PARTITIONS, settings.SLURM_GPUS, settings.SLURM_HOURS, settings.SLURM_NODES)

    def model_dir(self) -> str:
        return str(settings.SLURM_MODEL_DIR or store.root())


def _ask(command: str, *words: str, given: str = "") -> str:
    """Runs one of Slurm's commands. Raises SchedulerAway, with the last that it said.

    given: what it reads, from a file: it outlives us where we are killed, and would take the part of a script that had
    come through a pipe by then for the whole.
    """
    try:
        with tempfile.TemporaryFile() as file:
            file.write(given.encode())
            file.seek(0)
            done = subprocess.run(
                [command, *words],
                stdin=file,
                env={name: value for name, value in os.environ.items() if name not in OWN},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
    except FileNotFoundError as error:
        raise SchedulerAway(f"{command} is not on the PATH of the workers; install Slurm's commands there") from error
    except subprocess.TimeoutExpired as error:
        raise SchedulerAway(f"Slurm doesn't answer: {command} said nothing for {SECONDS} s") from error
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise SchedulerAway(f"{command} failed: {said[-1][:300] if said else f'exit code {done.returncode}'}")
    return done.stdout
