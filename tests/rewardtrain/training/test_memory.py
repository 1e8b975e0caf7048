"""What the training page says of a fine-tuning's memory before one starts."""

from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from labeling.models import Project, Role
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.model.needed_memory import held_tokens, needed
from rewardtrain.models import TrainingRun
from rewardtrain.training import policy
from rewardtrain.training.presets import memory, offers, reckoning
from rewardtrain.training.presets.known import BY_KEY
from rewardtrain.training.presets.memory import Plan
from tests.factories import join, make_project, make_prompt
from tests.rewardtrain.conftest import backbones_listed, make_run, rank_prompts

QWEN3 = "Qwen/Qwen3-0.6B"
WHOLE = {"backbone": QWEN3, "max_length": 512}


@pytest.fixture
def project(db: None) -> Project:
    return make_project(slug="helpful")


@pytest.fixture
def page(project: Project) -> Client:
    client = Client()
    client.force_login(join(project, Role.MANAGER, "manager"))
    return client


def shown(page: Client, query: str = "") -> str:
    return " ".join(page.get(reverse("runs", args=["helpful"]) + query).content.decode().split())


def planned(project: Project, executor: str = "local", **training: object) -> Plan:
    with backbones_listed(QWEN3):
        found = memory.plan(project, training, executor)
    assert found
    return found


def trained_on(project: Project, executor: str = "local", **counts: Any) -> None:
    if not TrainingRun.objects.exists():
        rank_prompts(project)
    run = make_run(project, executor=executor)
    TrainingRun.objects.filter(pk=run.pk).update(counts=counts, state="succeeded")


def test_it_is_the_reckoning_of_the_run_and_its_activations_by_k_and_length(project: Project) -> None:
    make_prompt(project, texts=tuple("abcdefghi"))
    trained_on(project, device="cuda", device_name="NVIDIA L4", memory_bytes=24 * 10**9)
    preset, config = BY_KEY["qwen3"], TrainConfig.from_dict({**WHOLE, "batch_prompts": 2})
    make_prompt(project, texts=tuple("abcdefghi"))
    plan = planned(project, **WHOLE, batch_prompts=2)
    assert (plan.k, plan.tokens) == (9, 2 * 9 * 512)
    assert plan.weights == needed(preset.sizes, config, 1)
    assert plan.total == plan.weights + reckoning.PROCESS + plan.activations
    assert plan.activations == 82 * 28 * 1024 * plan.tokens
    assert (plan.device, plan.has) == ("NVIDIA L4", 24 * 10**9)


@pytest.mark.parametrize(
    ("settings", "kind", "tokens"),
    [
        ({}, "cpu", 8 * 4 * 256),  # the whole step
        ({"graph_budget": 4096}, "cpu", 4096),
        ({"graph_budget": 0}, "cpu", 1024),  # one micro-batch has a graph, whatever the budget says
        ({"graph_budget": 4096}, "cuda", 8 * 4 * 256),  # where micro-batches are larger
        ({"graph_budget": 4096, "token_budget": 2048}, "cuda", 4096),
        ({"processes": 3}, "cpu", 3 * 4 * 256),
    ],
)
def test_activations_are_of_what_is_kept_or_of_one_micro_batch(settings: Any, kind: str, tokens: int) -> None:
    assert held_tokens(TrainConfig(**settings), 4, kind) == tokens


def test_what_is_known_of_a_preset_gives_what_the_run_reckons(needs_torch: None) -> None:
    from rewardtrain.core.model.memory_plan import sizes_of

    seen, known = sizes_of("minilm"), BY_KEY["minilm"].sizes
    for settings, processes in (({}, 1), ({"lora_rank": 8}, 1), ({"lora_rank": 8, "quantize": "nf4"}, 1), ({}, 4)):
        config = TrainConfig.from_dict(settings)
        assert needed(known, config, processes) == pytest.approx(needed(seen, config, processes), rel=0.03)


@pytest.mark.parametrize(
    ("has", "words"),
    [
        (5e9, "LoRA adapters of rank 16, or 4 processes, a GPU each"),
        (2.4e9, "LoRA adapters of rank 16 with quantize=nf4, or 16 processes, a GPU each"),
        (1e9, "a smaller backbone"),
    ],
)
def test_what_would_fit_is_named_where_a_run_would_be_refused(
    has: float, words: str, project: Project, page: Client
) -> None:
    trained_on(project, device="cuda", device_name="NVIDIA T4", memory_bytes=int(has))
    with backbones_listed(QWEN3):
        policy.update_policy(project, training=WHOLE)
        text = shown(page)
    assert f"The last one here trained on NVIDIA T4, which has {has / 1e9:.1f} GB." in text
    plan = planned(project, **WHOLE)
    assert plan.refused
    assert f"a run would be refused before it loads a weight. What fits: {plan.advice}." in text
    assert plan.advice == words


def test_activations_that_do_not_fit_are_said_to_be_halved(project: Project, page: Client) -> None:
    weights = planned(project).weights
    trained_on(project, device="cuda", device_name="a GPU", memory_bytes=weights + 1000)
    text = shown(page)
    assert "a run halves the tokens at once until they do" in text
    assert "would be refused" not in text


def test_processes_of_one_machine_share_its_memory_and_a_gpu_is_each_ones_own(project: Project) -> None:
    alone, two = planned(project), planned(project, processes=2)
    assert two.weights > alone.weights  # each has what is whole for a moment
    trained_on(project, device="cuda", device_name="a GPU", memory_bytes=80 * 10**9)
    assert planned(project, processes=2).weights < alone.weights


def test_only_what_trained_where_the_next_one_goes_tells_what_is_there(project: Project) -> None:
    trained_on(project, device="cuda", device_name="NVIDIA H200", memory_bytes=140 * 10**9, executor="slurm")
    assert planned(project, "slurm").has == 140 * 10**9
    here = planned(project)
    assert (here.device, here.has) == ("", reckoning.this_machine().memory)
    unknown = planned(project, "kubernetes")
    assert (unknown.has, unknown.refused, unknown.tight, unknown.advice) == (None, False, False, "")


@pytest.mark.parametrize(
    "counts",
    [{"memory_bytes": "much"}, {"memory_bytes": -1}, {"memory_bytes": 10**9, "device": "abacus"}, {"memory_bytes": []}],
)
def test_what_a_job_says_that_can_not_be_is_as_if_it_said_nothing(counts: dict[str, Any], project: Project) -> None:
    trained_on(project, executor="slurm", **{"device": "cuda", "device_name": "a GPU", **counts})
    plan = planned(project, "slurm")
    assert (plan.device, plan.has) == ("", None)


def test_another_projects_device_is_not_told(project: Project) -> None:
    trained_on(project, device="cuda", device_name="NVIDIA H200", memory_bytes=140 * 10**9)
    assert planned(make_project(slug="other")).device == ""


def test_where_nothing_trained_yet_the_page_says_so(page: Client) -> None:
    assert "whether a run finds a GPU, the first one will tell" in shown(page)
    with override_settings(EXECUTORS=["slurm"], SLURM_PARTITIONS=["gpu"], SLURM_GPUS=4, SLURM_HOURS=48):
        assert "What a device there has, the first run will tell." in shown(page)


def test_a_preset_that_is_filled_in_is_reckoned_before_it_is_saved(project: Project, page: Client) -> None:
    with backbones_listed(QWEN3):
        text = shown(page, "?preset=qwen3")
    wanted = planned(project, **offers.settings_of(BY_KEY["qwen3"]))
    assert f"needs about {wanted.total / 1e9:.1f} GB" in text
    assert "of at most 512 tokens" in text


@pytest.mark.parametrize("training", [{"backbone": "model 3"}, {"backbone": "unlisted"}, {"lora_rank": -1}, {"x": 1}])
def test_what_can_not_be_reckoned_is_left_out(training: dict[str, object], project: Project) -> None:
    assert memory.plan(project, training, "local") is None


def test_a_backbone_that_is_no_preset_is_left_to_the_run(project: Project) -> None:
    with backbones_listed("Qwen/Qwen3-8B"):
        assert memory.plan(project, {"backbone": "Qwen/Qwen3-8B"}, "local") is None


def test_it_asks_three_statements_however_many_runs_there_were(
    project: Project, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        trained_on(project, device="cuda", device_name="a GPU", memory_bytes=80 * 10**9)
        with django_assert_max_num_queries(3):
            planned(project)
