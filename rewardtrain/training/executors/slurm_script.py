"""The script of a job, from a template that an administrator may write: what surrounds the command on a node.

`{{ command }}` and its like give way to what is quoted for the shell. All options of sbatch come on its own command
line, so nothing of it needs a line here; lines `#SBATCH` may add others (an account, say).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping

from django.conf import settings

from rewardtrain.training.executors.executor import Job
from rewardtrain.training.executors.template_file import text_of

_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
PLACEHOLDERS = {
    "command": "the whole command, with Python as it is on this machine, begun on each of the job's nodes",
    "srun": "where a job has several nodes, what begins the rest of the line on each; else nothing",
    "arguments": "what follows `python -m rewardtrain.core`, for another Python or a container",
    "code": "the folder with Podium's code",
    "name": "the job's name",
}
# --wait: the first machine of a job ends before the others do, which then have so many seconds.
SRUN = ("srun", "--ntasks-per-node=1", "--wait=120")
# exec: Slurm's signals reach the job, which answers with a checkpoint, and no shell that would end at once.
DEFAULT = """\
#!/bin/sh
cd {{ code }} || exit 1
exec {{ command }}
"""


def template() -> str:
    """Reads the administrator's, or gives ours. Raises OSError, ValueError."""
    return text_of(settings.SLURM_TEMPLATE) if settings.SLURM_TEMPLATE else DEFAULT


def check(text: str, *, nodes: int = 1) -> None:
    """Raises ValueError, which says what is wrong and what may be there instead. nodes: that a job may have."""
    if not text.startswith("#!"):
        raise ValueError("it has to begin with #!, as in #!/bin/sh")
    names = set(_PLACEHOLDER.findall(text))
    if unknown := sorted(names - set(PLACEHOLDERS)):
        raise ValueError(f"it has {{{{ {unknown[0]} }}}}; there are {', '.join(PLACEHOLDERS)}")
    if not names & {"command", "arguments"}:
        raise ValueError("it has neither {{ command }} nor {{ arguments }}, so nothing would be trained")
    if nodes > 1 and not names & {"command", "srun"}:
        raise ValueError(
            "it has no {{ srun }} before what begins {{ arguments }}, so of several nodes one would train alone"
        )


def fill(text: str, job: Job) -> str:
    """Gives the script. Raises ValueError as check() does.

    Secrets it exports before its first command. Slurm keeps a script for the eyes of its user and of administrators;
    all that other people see of a job, and what `ps` shows them on a node, are its words.
    """
    nodes = job.resources.nodes
    check(text, nodes=nodes)
    srun = list(SRUN) if nodes > 1 else []
    values: Mapping[str, str] = {
        "command": shlex.join([*srun, sys.executable, "-m", "rewardtrain.core", *job.arguments]),
        "srun": shlex.join(srun),
        "arguments": shlex.join(job.arguments),
        "code": shlex.quote(str(settings.BASE_DIR)),
        "name": shlex.quote(job.name),
    }
    lines = _PLACEHOLDER.sub(lambda found: values[found[1]], text).splitlines(keepends=True)
    first = next((nth for nth, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in job.secrets.items()]
    return "".join([*lines[:first], *exports, *lines[first:]])
