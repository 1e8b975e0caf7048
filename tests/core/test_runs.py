"""The life of a run: when it ends, what it keeps, and how it goes on after a stop."""

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.folder import read_json
from tests.core.commands import events, losses, start_loaded, wait_for_step

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]


def settings_of(backbone: Path, **changes: object) -> list[str]:
    values = {
        "backbone": backbone, "max_length": 32, "batch_prompts": 4, "token_budget": 64, "learning_rate": 0.003,
        "eval_every": 4, "checkpoint_every": 3, "threads": 1, "dtype": "float32", "bootstrap_samples": 100, **changes,
    }  # fmt: skip
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def saw(out: Path, event: str) -> list[dict[str, Any]]:
    return [seen for seen in events(out) if seen["event"] == event]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model/model.safetensors")


@pytest.mark.parametrize(
    ("backbone", "changes"),
    [
        ("tiny_bert", {"patience": 100, "ties": "davidson"}),
        ("tiny_bert", {"lora_rank": 4}),
        ("tiny_llama", {"gradient_checkpointing": "true"}),
    ],
)
def test_a_run_killed_at_three_steps_goes_on_to_the_same_bits(
    backbone: str,
    changes: dict[str, object],
    request: pytest.FixtureRequest,
    make_rows: Rows,
    write_rows: Write,
    tmp_path: Path,
) -> None:
    """kill -9 at random steps, against the run that never stopped."""
    data = write_rows(make_rows(60))
    whole, out = tmp_path / "whole", tmp_path / "killed"
    settings = settings_of(request.getfixturevalue(backbone), epochs=2, **changes)
    assert main(["train", str(data), str(whole), *settings]) == 0
    n_steps = len(losses(whole))
    steps = sorted(random.sample(range(1, n_steps), 3))
    for step in steps:
        process = start_loaded("train", data, out, *settings)
        wait_for_step(process, out, step)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start_loaded("train", data, out, *settings)
    _, stderr = process.communicate()
    assert process.returncode == 0, stderr
    assert losses(out) == losses(whole), f"killed at steps {steps}"
    one, other = weights(whole), weights(out)
    assert all(torch.equal(one[name], other[name]) for name in one), f"killed at steps {steps}"
    reports = [read_json(folder / "report.json") for folder in (whole, out)]
    for report in reports:
        del report["seconds"], report["peak_memory_mb"]
    assert reports[0] == reports[1]


def test_a_run_that_gets_no_better_ends_and_keeps_its_best_step(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    """Against a run that is told to go to the last step: the same until the end, which the best one is kept of."""
    data = write_rows(make_rows(60))
    settings = settings_of(tiny_bert, epochs=8, learning_rate=0.01)
    assert main(["train", str(data), str(tmp_path / "early"), *settings]) == 0
    assert main(["train", str(data), str(tmp_path / "whole"), *settings, "--set", "patience=0"]) == 0
    early, whole = (losses(tmp_path / name) for name in ("early", "whole"))
    assert len(early) < len(whole) == 8 * 9
    assert early == whole[: len(early)]
    validations = {seen["step"]: seen["log_loss"] for seen in saw(tmp_path / "early", "validation")}
    best = min(validations, key=lambda step: validations[step])
    assert [step for step in validations if step > best] == list(validations)[-3:]
    (kept,) = saw(tmp_path / "early", "kept")
    assert (kept["step"], kept["last_step"], kept["log_loss"]) == (best, len(early), validations[best])
    assert read_json(tmp_path / "early/model/manifest.json")["data"]["kept"]["step"] == best
    (kept,) = saw(tmp_path / "whole", "kept")
    assert (kept["step"], kept["reason"]) == (72, "the last step, as patience is 0")
    exact = settings_of(tiny_bert, epochs=8, learning_rate=0.01)
    process = start_loaded("train", data, tmp_path / "again", *exact)
    wait_for_step(process, tmp_path / "again", best + 1)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert main(["train", str(data), str(tmp_path / "again"), *exact]) == 0
    one, other = weights(tmp_path / "early"), weights(tmp_path / "again")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_empty_validation_split_is_said_and_the_last_step_kept(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data = write_rows([row for row in make_rows(40) if row["split"] != "validation"])
    assert main(["train", str(data), str(tmp_path / "out"), *settings_of(tiny_bert, patience=1)]) == 0
    assert not saw(tmp_path / "out", "validation")
    (kept,) = saw(tmp_path / "out", "kept")
    assert (kept["step"], kept["last_step"]) == (6, 6)
    assert "no pair to validate on" in kept["reason"] or "nothing to validate on" in kept["reason"]


def weights_in(checkpoint: Path) -> dict[str, torch.Tensor]:
    (file,) = checkpoint.glob("*.safetensors")
    return {name: tensor for name, tensor in load_file(file).items() if name.startswith("network.")}


def test_a_run_that_diverges_says_where_and_leaves_its_last_good_checkpoint(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a rate of 1e18 the first step's weights are still numbers, their squares in the second are not."""
    data, out = write_rows(make_rows(40)), tmp_path / "out"
    settings = settings_of(tiny_bert, learning_rate=1e18, head_learning_rate=1e30, checkpoint_every=1, warmup_ratio=0)
    assert main(["train", str(data), str(out), *settings]) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: training diverged at step 2 of 6: loss nan, gradient norm nan, learning rate ")
    assert ", prompts p" in said
    assert "begin again in an empty output folder with a lower learning_rate" in said
    assert all(bool(torch.isfinite(value).all()) for value in weights_in(out / "checkpoints/step-1").values())

    assert main(["train", str(data), str(out), *settings, "--set", "learning_rate=0.001"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "holds another run's checkpoints (learning_rate was 1e+18, is 0.001)" in said
    assert "or begin anew in an empty output folder" in said


def test_a_checkpoint_holds_only_what_is_trained(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data = write_rows(make_rows(40))
    sizes = {}
    for name, changes in {"all": {}, "lora": {"lora_rank": 2}, "top": {"train_layers": 0}}.items():
        process = start_loaded("train", data, tmp_path / name, *settings_of(tiny_bert, checkpoint_every=1, **changes))
        wait_for_step(process, tmp_path / name, 2)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        assert process.returncode == 75
        newest = max((tmp_path / name / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[1]))
        sizes[name] = sum(value.numel() for value in weights_in(newest).values())
    # LoRA: rank 2 * (in + out), 2 layers of 4 times 32 + 32 and 2 times 32 + 64; the head: pooler 32 * 33, then 33
    assert sizes["top"] == 32 * 33 + 33
    assert sizes["lora"] == 2 * 2 * (4 * 64 + 2 * 96) + sizes["top"]
    assert sizes["all"] > 10 * sizes["top"]


def test_a_run_goes_on_from_a_checkpoint_of_one_file_as_older_versions_wrote_it(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    """They numbered what is trained by its rate and decay: the backbone's matrices and biases, then the head's, and the
    ties' own parameter with the head's bias."""
    data, whole, out = write_rows(make_rows(40)), tmp_path / "whole", tmp_path / "out"
    settings = settings_of(tiny_bert, checkpoint_every=1, epochs=3, patience=0, ties="davidson")
    assert main(["train", str(data), str(whole), *settings]) == 0
    process = start_loaded("train", data, out, *settings)
    wait_for_step(process, out, 3)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 75
    newest = max((out / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[1]))
    (file,) = newest.glob("*.safetensors")
    tensors, info = load_file(file), read_json(newest / "info.json")
    names = [name for name in tensors if name.startswith(("network.", "objective."))]
    groups = {
        (part, matrix): [name for name in names if is_head(name) == part and (tensors[name].ndim > 1) == matrix]
        for part in (False, True)
        for matrix in (True, False)
    }
    trained = named_in_order(tiny_bert)
    first_seen = list(dict.fromkeys((is_head(name), tensors[name].ndim > 1) for name in trained))
    order = [name for kind in first_seen for name in sorted(groups[kind], key=[*trained, "objective.log_nu"].index)]
    moments = ("step", "exp_avg", "exp_avg_sq")
    state = {
        "network": {name.removeprefix("network."): tensors[name] for name in trained},
        "objective": {"log_nu": tensors["objective.log_nu"]},
        "optimizer": {
            "state": {
                number: {key: tensors[f"optimizer.{name}.{key}"] for key in moments}
                for number, name in enumerate(order)
            }
        },
        **info.pop("values"),
    }
    torch.save(state, newest / "state.pt")
    file.unlink()
    del info["format"]
    (newest / "info.json").write_text(json.dumps(info))
    assert main(["train", str(data), str(out), *settings]) == 0
    assert losses(out) == losses(whole)
    ours, theirs = (load_file(folder / "model/model.safetensors") for folder in (out, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def is_head(name: str) -> bool:
    return name.startswith(("network.classifier.", "objective."))


def named_in_order(backbone: Path) -> list[str]:
    network = AutoModelForSequenceClassification.from_pretrained(backbone, num_labels=1)
    return [f"network.{name}" for name, _ in network.named_parameters()]
