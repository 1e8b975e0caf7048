"""Slurm's commands as they are asked, and the script that they are given."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from django.test import override_settings

from rewardtrain.training.executors import offered, slurm_script, template_file
from rewardtrain.training.executors.executor import NOTHING, Job, Resources, SchedulerAway, State
from rewardtrain.training.executors.site_check import check_executors
from rewardtrain.training.executors.slurm import Slurm
from tests.config.helpers import REPOSITORY, environ
from tests.slurm.cluster import Cluster, cluster_in

ARGUMENTS = ["job", "/srv/a folder; rm -rf ~", "it's", "$(whoami)"]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with cluster_in(tmp_path / "slurm", monkeypatch) as cluster:
        yield cluster


def test_what_is_filled_in_is_one_word_to_the_shell(tmp_path: Path) -> None:
    said = tmp_path / "said.py"
    said.write_text("import sys; print(sys.argv[1:])")
    script = slurm_script.fill(f"#!/bin/sh\n{sys.executable} {said} {{{{ arguments }}}}\n", job(words=ARGUMENTS))
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{ARGUMENTS}\n"


def test_the_script_of_ours_goes_to_the_code_and_becomes_the_command() -> None:
    script = slurm_script.fill(slurm_script.template(), job(words=ARGUMENTS))
    assert script.splitlines()[2] == f"exec {sys.executable} -m rewardtrain.core {shlex.join(ARGUMENTS)}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "#!/bin/sh\n{{ command }} {{ partition }}",
            r"\{\{ partition \}\}; there are command, srun, arguments, code, name",
        ),
        ("#!/bin/sh\n{{ command }} {{}}", r"it has \{\{  \}\}"),
        ("#!/bin/sh\n{{command}} {{ a b }}", r"it has \{\{ a b \}\}"),
        ("#!/bin/sh\necho", "nothing would be trained"),
        ("{{ command }}", "begin with #!"),
        ("", "begin with #!"),
    ],
)
def test_a_template_that_would_do_something_else_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        slurm_script.check(text)


def test_a_site_is_told_what_its_cluster_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_executors() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    large = tmp_path / "large"
    large.write_bytes(b"#!" + b" " * template_file.LARGEST)
    with override_settings(EXECUTORS=["local", "slurm"], SLURM_TEMPLATE=str(large)):
        said = [message.msg for message in check_executors()]
    assert [line.split()[0] for line in said[:3]] == ["sbatch", "squeue", "scancel"]
    assert "the file has more than 100000 bytes" in said[3]
    with override_settings(EXECUTORS=["local", "slurm"], SLURM_TEMPLATE=str(tmp_path / "none")):
        assert "No such file" in offered.missing()[3]


def job(
    name: str = "podium-1-1-1-0-0a0a",
    *,
    words: Sequence[str] = ("--help",),
    nodes: int = 1,
    secrets: Mapping[str, str] = NOTHING,
) -> Job:
    return Job(name, words, Resources("gpu", 2, 8, nodes), Path("/dev/null"), secrets)


def test_a_job_is_submitted_once_with_what_its_project_asked_for(cluster: Cluster) -> None:
    cluster.hold()
    slurm = Slurm()
    assert slurm.submit(job()) == slurm.submit(job()) == "1"
    [submitted] = cluster.jobs()
    options = submitted["options"]
    assert (options["partition"], options["gres"], options["time"]) == ("gpu", "gpu:2", "8:00:00")
    assert slurm.look([job().name, "another"]).keys() == {job().name}
    seen = slurm.look([job().name])[job().name]
    assert (seen.state, seen.reason, seen.is_alive) == (State.PENDING, "Priority", True)
    assert slurm.look([]) == {}


SUBMIT = """
import django, sys
django.setup()
from rewardtrain.training.executors.executor import Job, Resources
from rewardtrain.training.executors.slurm import Slurm
Slurm().submit(Job("podium-1-1-1-0-0a0a", ["--help"], Resources("", 0, 1), "/dev/null"))
"""


def test_a_job_of_several_nodes_begins_on_each_and_counts_gpus_of_a_node(cluster: Cluster) -> None:
    cluster.hold()
    Slurm().submit(job(nodes=3))
    options = cluster.job()["options"]
    assert (options["nodes"], options["ntasks-per-node"], options["gres"]) == ("3", "1", "gpu:2")
    [command] = [line for line in (cluster.spool / "1.sh").read_text().splitlines() if line.startswith("exec ")]
    assert command == f"exec srun --ntasks-per-node=1 --wait=120 {sys.executable} -m rewardtrain.core --help"
    ours = "#!/bin/sh\nexec {{ srun }} apptainer exec image.sif python -m rewardtrain.core {{ arguments }}\n"
    begun = "exec srun --ntasks-per-node=1 --wait=120 apptainer exec"
    assert slurm_script.fill(ours, job(nodes=2)).splitlines()[1].startswith(begun)
    assert slurm_script.fill(ours, job()).splitlines()[1].startswith("exec  apptainer exec")


def test_a_template_that_begins_a_job_on_one_of_its_nodes_is_refused(tmp_path: Path) -> None:
    template = tmp_path / "template.sh"
    template.write_text("#!/bin/sh\nexec python -m rewardtrain.core {{ arguments }}\n")
    with override_settings(EXECUTORS=["slurm"], SLURM_TEMPLATE=str(template)):
        assert not any("srun" in words for words in Slurm().missing())
        with override_settings(SLURM_NODES=2):
            assert any("it has no {{ srun }}" in words for words in Slurm().missing())
    with pytest.raises(ValueError, match="of several nodes one would train alone"):
        slurm_script.fill(template.read_text(), job(nodes=2))


def test_a_script_comes_whole_from_one_who_is_killed_while_it_is_submitted(cluster: Cluster, tmp_path: Path) -> None:
    cluster.hold()
    template = tmp_path / "template.sh"
    template.write_text("#!/bin/sh\n" + "# more than a pipe holds\n" * 3900 + "exec {{ command }}\n")
    (cluster.spool / "slow").touch()
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PODIUM_SLURM_TEMPLATE": str(template),
        "FAKE_SLURM": os.environ["FAKE_SLURM"],
        "PATH": os.environ["PATH"],
    }
    with subprocess.Popen([sys.executable, "-c", SUBMIT], cwd=REPOSITORY, env=environ(**variables)) as submitting:
        _until(lambda: [*cluster.spool.glob("*.json")])
        submitting.kill()
    (cluster.spool / "slow").unlink()
    _until(cluster.jobs)
    assert (cluster.spool / "1.sh").read_text().endswith("-m rewardtrain.core --help\n")


def _until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_slurm_says_of_its_trouble_is_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.down()
    with pytest.raises(SchedulerAway, match=r"squeue failed: .*Unable to contact slurm controller"):
        Slurm().look(["n"])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SchedulerAway, match="squeue is not on the PATH of the workers"):
        Slurm().look(["n"])


def test_secrets_are_exported_before_the_first_command_and_behind_what_sbatch_reads() -> None:
    template = "#!/bin/sh\n#SBATCH --account=ours\n\n# modules\nmodule load cuda\nexec {{ command }}\n"
    script = slurm_script.fill(template, job(secrets={"TOKEN": "a'b"}))
    lines = script.splitlines()
    assert lines[:4] == template.splitlines()[:4]
    assert lines[4:6] == ["export TOKEN='a'\"'\"'b'", "module load cuda"]
    assert slurm_script.fill(template, job()).splitlines()[4] == "module load cuda"
