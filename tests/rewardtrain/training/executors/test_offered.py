"""Where a project may have its fine-tunings go: settings, page and API."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from labeling.errors import Invalid
from labeling.models import Project
from rewardtrain.models import RetrainPolicy
from rewardtrain.training import policy, runs
from rewardtrain.training.executors.executor import Resources
from rewardtrain.training.remote.handing_over import job_of
from tests.factories import make_user
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_run, rank_prompts
from tests.rewardtrain.test_forms import TYPED


@pytest.fixture
def slurm() -> Iterator[None]:
    with override_settings(
        EXECUTORS=["slurm", "local"], SLURM_PARTITIONS=["gpu", "gpu-long"], SLURM_GPUS=4, SLURM_HOURS=48
    ):
        yield


@pytest.fixture
def manager(client: Client) -> Client:
    client.force_login(make_user(superuser=True))
    return client


def test_where_there_is_the_machine_alone_nothing_is_chosen(project: Project, manager: Client) -> None:
    page = manager.get(reverse("runs", args=[project.slug])).content.decode()
    assert 'name="executor"' not in page
    assert 'name="gpus"' not in page
    rank_prompts(project)
    run = runs.request_run(project)
    assert (run.executor, run.resources) == ("local", {})


def test_a_project_that_chose_none_has_the_first_of_the_site(project: Project, slurm: None) -> None:
    rank_prompts(project)
    run = runs.request_run(project)
    assert (run.executor, run.resources) == ("slurm", {"queue": "", "gpus": 1, "hours": 48, "nodes": 1})


def test_the_page_offers_what_there_is_and_stores_what_was_chosen(
    project: Project, manager: Client, slurm: None
) -> None:
    page = manager.get(reverse("runs", args=[project.slug])).content.decode()
    assert "Where fine-tunings go" in page
    assert '<option value="slurm" selected>Slurm</option>' in page
    assert '<option value="gpu-long">gpu-long</option>' in page
    typed = {**TYPED, "executor": "slurm", "queue": "gpu-long", "gpus": "2", "hours": ""}
    answer = manager.post(reverse("policy", args=[project.slug]), typed)
    assert answer.status_code == 302
    stored = RetrainPolicy.objects.get(project=project)
    assert (stored.executor, stored.queue, stored.gpus, stored.hours) == ("slurm", "gpu-long", 2, None)
    rank_prompts(project)
    assert runs.request_run(project).resources == {"queue": "gpu-long", "gpus": 2, "hours": 48, "nodes": 1}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("executor", "kubernetes", "Select a valid choice"),
        ("queue", "gpu; rm -rf ~", "Select a valid choice"),
        ("gpus", "5", "less than or equal to 4"),
        ("gpus", "-1", "greater than or equal to 0"),
        ("hours", "49", "less than or equal to 48"),
        ("hours", "0", "greater than or equal to 1"),
    ],
)
def test_the_page_refuses_what_the_site_does_not_offer(
    project: Project, manager: Client, slurm: None, field: str, value: str, words: str
) -> None:
    typed = {**TYPED, "executor": "slurm", field: value}
    page = manager.post(reverse("policy", args=[project.slug]), typed)
    assert page.status_code == 200
    assert words in page.content.decode()
    assert not RetrainPolicy.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"executor": "kubernetes"}, "executor is 'kubernetes'; choose one of slurm, local"),
        ({"executor": "x" * 10_000}, "executor is 'xxx"),
        ({"queue": "other"}, "queue is 'other'; leave it empty, or choose one of gpu, gpu-long"),
        ({"gpus": 5}, "gpus is 5; it must be from 0 to 4"),
        ({"hours": 49, "nodes": 1}, "hours is 49; it must be from 1 to 48"),
    ],
)
def test_a_policy_asks_for_nothing_that_the_site_does_not_offer(
    project: Project, slurm: None, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid) as refused:
        policy.update_policy(project, **changes)
    assert words in refused.value.detail
    assert len(refused.value.detail) < 300


def test_what_is_offered_no_more_stands_in_the_way_in_words(project: Project, manager: Client, slurm: None) -> None:
    policy.update_policy(project, executor="slurm", gpus=4)
    with override_settings(EXECUTORS=["local"]):
        [_, full] = policy.next_retrainings(project)
        assert "executor is 'slurm'; choose one of local" in full.lacking
        with pytest.raises(Invalid, match="PODIUM_EXECUTORS"):
            runs.request_run(project)
    with override_settings(SLURM_GPUS=2):
        assert "gpus is 4" in policy.next_retrainings(project)[1].lacking


def test_more_processes_than_gpus_are_refused_before_anything_is_frozen(project: Project, slurm: None) -> None:
    rank_prompts(project)
    policy.update_policy(project, gpus=2)
    with pytest.raises(Invalid, match="processes is 4, but a job has 2 GPUs; lower it, or give such jobs more"):
        runs.request_run(project, training={"processes": 4})
    assert not project.dataset_versions.exists()
    assert runs.request_run(project, training={"processes": 2}).resources["gpus"] == 2


@pytest.mark.parametrize(
    ("processes", "nodes", "gpus"), [(1, 1, 4), (4, 1, 4), (5, 5, 1), (6, 2, 3), (8, 2, 4), (9, 3, 3), (20, 5, 4)]
)
def test_more_processes_than_a_node_has_gpus_have_the_fewest_nodes_with_as_many_on_each(
    project: Project, slurm: None, processes: int, nodes: int, gpus: int
) -> None:
    rank_prompts(project)
    policy.update_policy(project, gpus=4)
    with override_settings(SLURM_NODES=5):
        run = runs.request_run(project, training={"processes": processes})
    assert (run.resources["nodes"], run.resources["gpus"]) == (nodes, gpus)


@pytest.mark.parametrize("processes", [7, 21, 24])
def test_processes_that_nodes_can_not_share_out_evenly_are_refused(
    project: Project, slurm: None, processes: int
) -> None:
    rank_prompts(project)
    policy.update_policy(project, gpus=4)
    words = f"processes is {processes}, which up to 5 nodes of up to 4 GPUs can't share out evenly; change it"
    with override_settings(SLURM_NODES=5), pytest.raises(Invalid, match=words):
        runs.request_run(project, training={"processes": processes})
    assert not project.dataset_versions.exists()


def test_the_page_says_how_many_nodes_a_job_may_have(project: Project, manager: Client, slurm: None) -> None:
    words = "Of a node. A run of more processes has up to 5 nodes."
    assert words not in manager.get(reverse("runs", args=[project.slug])).content.decode()
    with override_settings(SLURM_NODES=5):
        assert words in manager.get(reverse("runs", args=[project.slug])).content.decode()


def test_a_run_of_before_there_were_several_nodes_has_one(project: Project, slurm: None) -> None:
    rank_prompts(project)
    run = make_run(project, executor="slurm", resources={"queue": "gpu", "gpus": 2, "hours": 4}, job_name="podium-1")
    assert job_of(run).resources == Resources("gpu", 2, 4, nodes=1)


def test_the_api_takes_an_executor_for_one_run(project: Project, slurm: None) -> None:
    rank_prompts(project)
    api = as_user(make_user(superuser=True))
    address = reverse("rewardtrain_api:runs", args=[project.slug])
    refused = api.post(address, {"depth": "head", "executor": "slurm"}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["attr"]) == (400, "executor")
    refused = api.post(address, {"executor": "ray"}, format="json")
    assert "executor is 'ray'" in refused.json()["errors"][0]["detail"]
    made = api.post(address, {"executor": "local"}, format="json")
    assert (made.status_code, made.json()["executor"]) == (202, "local")


@pytest.fixture
def both() -> Iterator[None]:
    slurm = {"SLURM_PARTITIONS": ["gpu", "gpu-long"], "SLURM_GPUS": 4, "SLURM_HOURS": 48}
    kubernetes = {"KUBERNETES_QUEUES": ["research", "spot"], "KUBERNETES_GPUS": 8, "KUBERNETES_HOURS": 12}
    with override_settings(EXECUTORS=["kubernetes", "slurm", "local"], **slurm, **kubernetes):
        yield


def test_of_two_clusters_each_has_its_own_queues_and_limits(project: Project, manager: Client, both: None) -> None:
    page = " ".join(manager.get(reverse("runs", args=[project.slug])).content.decode().split())
    assert '<option value="kubernetes" selected>Kubernetes</option>' in page
    assert "Partition or queue" in page
    assert '<optgroup label="Slurm"> <option value="gpu">gpu</option>' in page
    assert '<optgroup label="Kubernetes"> <option value="research">research</option>' in page
    assert "Empty: 1." in page
    assert "Empty: 12 (Kubernetes), 48 (Slurm)." in page
    typed = {**TYPED, "executor": "kubernetes", "queue": "gpu", "gpus": "8", "hours": "12"}
    page = manager.post(reverse("policy", args=[project.slug]), typed).content.decode()
    assert "leave it empty, or choose one of research, spot" in page
    typed |= {"queue": "spot", "hours": "13"}
    page = manager.post(reverse("policy", args=[project.slug]), typed).content.decode()
    assert "hours is 13; it must be from 1 to 12" in page
    assert not RetrainPolicy.objects.exists()
    assert manager.post(reverse("policy", args=[project.slug]), typed | {"hours": ""}).status_code == 302
    rank_prompts(project)
    run = runs.request_run(project)
    assert (run.executor, run.resources) == ("kubernetes", {"queue": "spot", "gpus": 8, "hours": 12, "nodes": 1})


def test_a_project_that_chose_no_queue_of_kueue_has_the_first(project: Project, both: None) -> None:
    rank_prompts(project)
    assert runs.request_run(project).resources == {"queue": "research", "gpus": 1, "hours": 12, "nodes": 1}


def test_of_skypilot_a_project_chooses_the_kind_of_gpu(project: Project, manager: Client) -> None:
    with override_settings(EXECUTORS=["skypilot", "local"], SKYPILOT_ACCELERATORS=["H100", "A100-80GB"]):
        page = manager.get(reverse("runs", args=[project.slug])).content.decode()
        assert "Kind of GPU" in page
        assert '<option value="A100-80GB">A100-80GB</option>' in page
        rank_prompts(project)
        assert runs.request_run(project).resources == {"queue": "H100", "gpus": 1, "hours": 24, "nodes": 1}
    with override_settings(EXECUTORS=["skypilot", "slurm"], SKYPILOT_ACCELERATORS=["H100"], SLURM_PARTITIONS=["gpu"]):
        page = manager.get(reverse("runs", args=[project.slug])).content.decode()
        assert "Partition, queue or kind of GPU" in page


def test_where_kubernetes_has_no_queues_none_is_asked_for(project: Project, manager: Client) -> None:
    with override_settings(EXECUTORS=["kubernetes", "local"], KUBERNETES_QUEUES=[]):
        page = manager.get(reverse("runs", args=[project.slug])).content.decode()
        assert 'name="queue"' not in page
        assert 'name="gpus"' in page
        rank_prompts(project)
        assert runs.request_run(project).resources["queue"] == ""
    with override_settings(EXECUTORS=["kubernetes", "local"], KUBERNETES_QUEUES=["research"]):
        page = manager.get(reverse("runs", args=[project.slug])).content.decode()
        assert ">Queue<" in page.replace("\n", "").replace(" ", "")


def test_a_job_of_kubernetes_is_named_once(project: Project, manager: Client) -> None:
    rank_prompts(project, train=1, test=1, validation=1)
    run = make_run(
        project,
        state="running",
        executor="kubernetes",
        phase="waiting",
        job_name="podium-1-1-1-0-00ff00ff",
        job_seen={"id": "research/podium-1-1-1-0-00ff00ff", "reason": "ImagePullBackOff: <b>"},
    )
    page = " ".join(manager.get(reverse("run", args=[project.slug, run.number])).content.decode().split())
    assert "Kubernetes says: ImagePullBackOff: &lt;b&gt;." in page
    assert "Job <code>research/podium-1-1-1-0-00ff00ff</code> of Kubernetes." in page
    assert page.count("podium-1-1-1-0-00ff00ff") == 1


def test_the_page_of_a_run_says_why_it_waits(project: Project, manager: Client) -> None:
    rank_prompts(project, train=1, test=1, validation=1)
    run = make_run(
        project,
        state="running",
        executor="slurm",
        phase="waiting",
        job_name="podium-1-1-1-0-00ff00ff",
        job_seen={"id": "4711", "reason": "Priority <b>"},
        preemptions=2,
    )
    page = " ".join(manager.get(reverse("run", args=[project.slug, run.number])).content.decode().split())
    assert "Waits in the cluster&#x27;s queue" in page or "Waits in the cluster's queue" in page
    assert "Slurm says: Priority &lt;b&gt;." in page
    assert "Job 4711 of Slurm, <code>podium-1-1-1-0-00ff00ff</code>." in page
    assert "It made way for other jobs 2 times." in page
    shown = (
        as_user(make_user(superuser=True)).get(reverse("rewardtrain_api:run", args=[project.slug, run.number])).json()
    )
    assert (shown["executor"], shown["waits_for"], shown["preemptions"]) == ("slurm", "Priority <b>", 2)
