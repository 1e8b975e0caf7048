"""The script of a job, from a template that an administrator may write: what surrounds the command on a node.

`{{ command }}` and its like give way to what is quoted for the shell. All options of sbatch come on its own command
line, so nothing of it needs a line here; lines `#SBATCH` may add others (an account, say).
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence

from django.conf import settings

from rewardtrain.training.executors.template_file import text_of

_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
PLACEHOLDERS = {
    "command": "the whole command, with Python as it is on this machine",
    "arguments": "what follows `python -m rewardtrain.core`, for another Python or a container",
    "code": "the folder with Podium's code",
    "name": "the job's name",
}
# exec: Slurm's signals reach the job, which answers with a checkpoint, and no shell that would end at once.
DEFAULT = """\
#!/bin/sh
cd {{ code }} || exit 1
exec {{ command }}
"""


def template() -> str:
    """Reads the administrator's, or gives ours. Raises OSError, ValueError."""
    return text_of(settings.SLURM_TEMPLATE) if settings.SLURM_TEMPLATE else DEFAULT


def check(text: str) -> None:
    """Raises ValueError, which says what is wrong and what may be there instead."""
    if not text.startswith("#!"):
        raise ValueError("it has to begin with #!, as in #!/bin/sh")
    names = set(_PLACEHOLDER.findall(text))
    if unknown := sorted(names - set(PLACEHOLDERS)):
        raise ValueError(f"it has {{{{ {unknown[0]} }}}}; there are {', '.join(PLACEHOLDERS)}")
    if not names & {"command", "arguments"}:
        raise ValueError("it has neither {{ command }} nor {{ arguments }}, so nothing would be trained")


def fill(text: str, *, name: str, arguments: Sequence[str], secrets: Mapping[str, str] | None = None) -> str:
    """Gives the script. Raises ValueError as check() does.

    secrets: what it exports before its first command. Slurm keeps a script for the eyes of its user and of
    administrators; all that other people see of a job, and what `ps` shows them on a node, are its words.
    """
    check(text)
    values: Mapping[str, str] = {
        "command": shlex.join([sys.executable, "-m", "rewardtrain.core", *arguments]),
        "arguments": shlex.join(arguments),
        "code": shlex.quote(str(settings.BASE_DIR)),
        "name": shlex.quote(name),
    }
    lines = _PLACEHOLDER.sub(lambda found: values[found[1]], text).splitlines(keepends=True)
    first = next((nth for nth, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in (secrets or {}).items()]
    return "".join([*lines[:first], *exports, *lines[first:]])
