"""Backbones to start from: what is offered, what it would take, and what choosing one fills in."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from labeling.models import Project, Role
from rewardtrain.core.model.needed_memory import NUMBER
from rewardtrain.models import TrainingRun
from rewardtrain.training import policy, run_settings, runs
from rewardtrain.training.presets import offers, reckoning
from rewardtrain.training.presets.known import BY_KEY, PRESETS, Preset
from tests.factories import join, make_project, make_prompt
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import backbones_listed, make_run, rank_prompts

MODERNBERT = "answerdotai/ModernBERT-base"
HEAD, FULL = policy.Depth.HEAD, policy.Depth.FULL


@pytest.fixture
def project(db: None) -> Project:
    return make_project(slug="helpful")


@pytest.fixture
def page(project: Project) -> Client:
    client = Client()
    client.force_login(join(project, Role.MANAGER, "manager"))
    return client


def shown(page: Client, query: str = "") -> str:
    return page.get(reverse("runs", args=["helpful"]) + query).content.decode()


# --- What it would take -----------------------------------------------------------------------------------------------


def test_memory_and_time_are_those_of_the_formula() -> None:
    """MiniLM, K = 4 at 256 tokens: 16 bytes a parameter, 82 bytes a token, layer and unit of 8 * 4 * 256 tokens, and
    0.6 GB. 1,000 * 4 * 256 tokens, six operations a weight that is no embedding, twelve of attention."""
    found = reckoning.estimate(BY_KEY["minilm"], 4, 3e9)
    assert found.memory == 600_000_000 + 16 * 22_713_601 + 82 * 6 * 384 * 8192
    operations = 1_024_000 * (6 * (22_713_601 - 11_720_448) + 12 * 6 * 384 * 256)
    assert found.seconds == pytest.approx(operations / 1e9)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_more_completions_take_more_time_and_memory_only_up_to_what_is_held(preset: Preset) -> None:
    few, many, most = (reckoning.estimate(preset, k, 1e9) for k in (2, 9, 900))
    assert few.seconds < many.seconds < most.seconds
    assert few.memory <= many.memory <= most.memory
    assert most.memory - few.memory <= reckoning.ACTIVATION * preset.layers * preset.hidden * 16_384


def test_adapters_take_less_memory_than_the_weights_themselves() -> None:
    preset = BY_KEY["qwen3"]
    assert preset.config.lora_rank == 16
    trained = NUMBER * 3 * preset.per_rank * 16
    assert trained < 0.02 * NUMBER * 3 * preset.parameters


def test_the_numbers_of_the_one_that_comes_with_podium_are_those_of_its_network(needs_torch: None) -> None:
    from torch import nn

    from rewardtrain.core.device import choose_device
    from rewardtrain.core.model.loading import backbone_folder, load_backbone

    preset = BY_KEY["minilm"]
    network = load_backbone("minilm", max_length=preset.longest, device=choose_device(1)).network
    layers = network.base_model.encoder.layer
    linears = [module for module in layers.modules() if isinstance(module, nn.Linear)]
    assert sum(parameter.numel() for parameter in network.parameters()) == preset.parameters
    assert network.get_input_embeddings().weight.numel() == preset.embedded
    assert (len(layers), network.config.hidden_size) == (preset.layers, preset.hidden)
    assert sum(sum(module.weight.shape) for module in linears) == preset.per_rank
    assert (Path(backbone_folder("minilm")) / "model.safetensors").stat().st_size == preset.disk


# --- What is offered --------------------------------------------------------------------------------------------------


def test_only_what_an_administrator_listed_can_be_chosen(project: Project) -> None:
    assert [offer.backbone for offer in offers.offers(project)] == ["minilm", "", "", "", ""]
    with backbones_listed(MODERNBERT, "/srv/backbones/Qwen3-0.6B"):
        listed = [offer.backbone for offer in offers.offers(project)]
    assert listed == ["minilm", MODERNBERT, "", "/srv/backbones/Qwen3-0.6B", ""]


def test_k_is_that_of_the_newest_prompt(project: Project) -> None:
    assert offers.completions_of(project) == offers.USUAL
    make_prompt(project, texts=("a", "b", "c", "d", "e"))
    make_prompt(project, texts=("a", "b"))
    assert offers.completions_of(project) == 2


def test_files_are_looked_for_in_the_hubs_cache_and_in_listed_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert offers.is_here("minilm")
    assert not offers.is_here(MODERNBERT)
    snapshot = tmp_path / "models--answerdotai--ModernBERT-base" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert not offers.is_here(MODERNBERT)  # its weights are still to come
    (snapshot / "model.safetensors").write_bytes(b"")
    assert offers.is_here(MODERNBERT)
    assert not offers.is_here(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert offers.is_here(str(tmp_path))


# --- The page ---------------------------------------------------------------------------------------------------------


def test_choosing_a_preset_fills_in_the_form_and_saves_nothing(project: Project, page: Client) -> None:
    policy.update_policy(project, training={"seed": 7, "epochs": 3, "learning_rate": 0.5})
    with backbones_listed(MODERNBERT):
        text = shown(page, "?preset=modernbert")
    assert "ModernBERT-base is filled in below and not saved yet." in text
    form = text[text.index('id="policy"') :]
    for value in (f'value="{MODERNBERT}"', 'value="512"', 'value="4096"', 'value="5e-05"', 'value="3"'):
        assert value in form
    assert policy.get_policy(project).training == {"seed": 7, "epochs": 3, "learning_rate": 0.5}


@pytest.mark.parametrize("key", ["modernbert", "nothing", "", "x" * 9000, "../minilm"])
def test_what_is_unknown_or_not_allowed_fills_in_nothing(key: str, page: Client) -> None:
    text = shown(page, f"?preset={key}")
    assert "not saved yet" not in text
    assert 'value="minilm"' in text


def test_the_page_says_who_allows_a_backbone_and_where_runs_train(project: Project, page: Client) -> None:
    text = " ".join(shown(page).split())
    assert "An administrator allows it: Qwen/Qwen3-0.6B in PODIUM_BACKBONES." in text
    assert 'href="?preset=minilm#policy"' in text
    assert "which is faster" not in text
    rank_prompts(project)
    run = make_run(project)
    TrainingRun.objects.filter(pk=run.pk).update(counts={"device": "cuda", "device_name": "NVIDIA H200"})
    assert "Runs of this project train on NVIDIA H200, which is faster" in " ".join(shown(page).split())


def test_a_chosen_preset_is_saved_and_both_depths_can_run_on_it(project: Project) -> None:
    rank_prompts(project)
    with backbones_listed("Qwen/Qwen3-0.6B"):
        policy.update_policy(project, training=offers.settings_of(BY_KEY["qwen3"]))
        head = runs.request_run(project, depth=HEAD)
        full = runs.request_run(project, depth=FULL)
    assert (head.training["lora_rank"], full.training["lora_rank"]) == (0, 16)
    assert head.training["max_length"] == full.training["max_length"] == 512


def test_a_head_that_is_asked_for_with_adapters_is_still_refused(project: Project) -> None:
    standing = run_settings.standing({"lora_rank": 4, "epochs": 2}, HEAD)
    assert standing == {"epochs": 2}
    with pytest.raises(run_settings.Invalid, match="lora_rank is 4"):
        runs.request_run(project, depth=HEAD, training={"lora_rank": 4})


# --- The API ----------------------------------------------------------------------------------------------------------


def test_the_api_has_the_same_list(project: Project) -> None:
    api: APIClient = as_user(join(project, Role.MANAGER, "manager"))
    with backbones_listed(MODERNBERT):
        answer = api.get("/api/v1/projects/helpful/backbones/").json()
        expected = offers.offers(project)
    assert answer["names"] == ["minilm", MODERNBERT]
    assert [each["name"] for each in answer["presets"]] == [preset.name for preset in PRESETS]
    assert [each["allowed"] for each in answer["presets"]] == [True, True, False, False, False]
    assert [each["memory_bytes"] for each in answer["presets"]] == [each.estimate.memory for each in expected]
    assert answer["presets"][1]["settings"] == {"backbone": MODERNBERT, "max_length": 512, "graph_budget": 4096}
