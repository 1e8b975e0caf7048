"""The model card: README.md of a model folder, as the Hugging Face Hub reads it. No torch."""

import re
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from formats.evaluation_report.attributes import AttributePart
from formats.evaluation_report.figures import Estimate, ShareEstimate
from formats.evaluation_report.flags import FlagReport
from formats.evaluation_report.report import PairReport, Report, has_pairs
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.encoding import CHAT, JOINED, PAIR
from rewardtrain.core.measures.intervals import LEAST_PROMPTS
from rewardtrain.core.measures.report_words import counted, ends, number

BASE_MODELS = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}  # Hub ids of backbones that come with a package
NAME = "reward-model"
Row = tuple[str, str, str, str]  # name, value, interval, what to compare with
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")  # owner/name
_VERSION = re.compile(r"0*(\d+)\.parquet")  # as a Podium names a project's frozen versions


def model_card(config: TrainConfig, settings: dict[str, Any], data: dict[str, Any], report: Report) -> str:
    """Writes the card of a model. settings: podium.json. data: fingerprint and counts of the training data."""
    parts = [
        f"---\n{_metadata(config, data, report).to_yaml()}\n---",
        _purpose(config, settings),
        _usage(settings),
        _training_data(config, data),
        _parameters(config),
        _metrics(report),
        _calibration(settings, report),
        _LIMITS,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _metadata(config: TrainConfig, data: dict[str, Any], report: Report) -> ModelCardData:
    results = [
        EvalResult(
            task_type="text-classification",
            task_name=task,
            dataset_type="rankings",
            dataset_name=f"rankings{_source(data.get('file'))}, sha256 {data['fingerprint'][:12]}",
            dataset_split=report["split"],
            metric_type=kind,
            metric_name=name,
            metric_value=value,
        )
        for task, kind, name, value in _measured(report)
    ]
    name = config.written()["backbone"]
    base = BASE_MODELS.get(name, name)
    return ModelCardData(
        model_name=NAME,
        eval_results=results,
        base_model=base if _HUB_ID.fullmatch(base) and not Path(base).is_dir() else None,
        library_name="transformers",
        pipeline_tag="text-classification",
        tags=["reward-model", "preference", config.head],
    )


def _measured(report: Report) -> list[tuple[str, str, str, float]]:
    """Lists task, metric's type and name, and its value."""
    measured = []
    if has_pairs(report):
        task = "Preference between completions"
        measured = [
            (task, "accuracy", "Pairwise accuracy", report["accuracy"]["value"]),
            (task, "log_loss", "Log loss of pairs", report["log_loss"]["value"]),
            (task, "ece", "Expected calibration error", report["ece"]["value"]),
        ]
    if (flags := report["flags"]) and flags["roc_auc"]:
        measured.append((f"Flag {flags['flag']['name']}", "roc_auc", "ROC AUC", flags["roc_auc"]["value"]))
    return measured


def _purpose(config: TrainConfig, settings: dict[str, Any]) -> str:
    classes = ""
    if config.head == "binary":
        names = " and ".join(f"`{label}`" for label in settings["labels"])
        classes = f"\nIts two logits are also those of the classes {names}."
    backbone = config.written()["backbone"]
    how = "A linear head on the frozen features of" if config.depth == "head" else "Fine-tuned from"
    made = f"""
{how} `{backbone}` on human rankings of completions, with the Bradley-Terry loss over all comparisons
of a prompt (Ouyang et al. 2022, arXiv 2203.02155)."""
    if config.depth == "none":
        made = f"""
`{backbone}` as its makers trained it, measured on human rankings of completions; its weights are theirs, but for a
scale and a shift of the reward that change no order."""
    return f"""
# Reward model
{made} Its last logit is the reward: higher is better, comparable between
completions of one prompt and not between prompts.{classes}

Made to choose the best of several completions, to sort or filter them, and as the reward of reinforcement learning,
on prompts like those it was trained on. Not made to judge whether a text is true, safe or written by a person.
"""


def _usage(settings: dict[str, Any]) -> str:
    reward = "reward = logits[0, -1].item()"
    if settings["head"] == "binary":
        reward += "\nprobability = logits.softmax(dim=-1)[0, 1].item()  # of the positive class, calibrated"
    return f"""
## Use

```python
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder = "."  # this folder, or its id on the Hub
model = AutoModelForSequenceClassification.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
prompt, completion = "how do i bake bread", "please gladly help you"
{_inputs(settings)}
with torch.no_grad():
    logits = model(**inputs).logits
{reward}
```

The chance that completion a is preferred to b is `sigmoid((reward_a - reward_b) / {settings["temperature"]:.6g})`.
Input is at most {settings["max_length"]} tokens: the prompt is cut from its left, the completion from its right where
it is too long alone; what the tokenizer or the template ends with stays. `podium.json` holds this for programs.
Podium reads a control token's name (`</s>`, `[SEP]`) within prompt and completion as text; a plain tokenizer takes it
for the token, so let nobody type one there.
"""


def _inputs(settings: dict[str, Any]) -> str:
    if settings["style"] == PAIR:
        return f"""\
tokenizer.truncation_side = "left"  # keeps the end of the dialogue
inputs = tokenizer(
    prompt, completion, truncation="only_first", max_length={settings["max_length"]}, return_tensors="pt"
)"""
    if settings["style"] == CHAT:
        parts = """\
turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
text = tokenizer.apply_chat_template(turns, tokenize=False)
inputs = {"input_ids": tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids}"""
    else:
        between = " + " if settings["style"] == JOINED else ' + "\\n\\nAssistant: " + '
        parts = f"""\
ids = tokenizer(prompt{between}completion).input_ids
if tokenizer.eos_token and ids[-1] != tokenizer.eos_token_id:
    ids.append(tokenizer.eos_token_id)
inputs = {{"input_ids": torch.tensor([ids])}}"""
    return parts


def _training_data(config: TrainConfig, data: dict[str, Any]) -> str:
    splits = ", ".join(f"{count} {split}" for split, count in data["n_prompts"].items())
    left_out = ", ".join(f"{count} {reason}" for reason, count in data["dropped_by_reason"].items() if count)
    ties = {"drop": "left out", "half": "counted half each way", "davidson": "learnt with Davidson's model"}
    more = data.get("n_rewrites")
    rewrites = f", of these {more} that labelers made of others" if more else ""
    return f"""
## {"Data it was measured on" if config.depth == "none" else "Training data"}

Rankings by people{_source(data.get("file"))}; sha256 of the file `{data["fingerprint"]}`.

| | |
|---|---|
| prompts | {splits} |
| completions | {data["n_completions"]}{rewrites} |
| comparisons | {data["n_comparisons"]}, and {data["n_ties"]} ties, {ties[config.ties]} |
| prompts left out | {left_out or "none"} |
| sequences cut | {data["truncated"]}, of these {data["truncated_completions"]} in the completion |
| comparisons of equal inputs left out | {data["n_alike"]} |
| completions that the chat template writes otherwise | {data["rewritten"]} |

A prompt belongs to one split for ever, by a hash of its dialogue (white space apart) where the file names none.
"""


def _source(file: str | None) -> str:
    """Says in which file they stood; models made before it was written down don't know."""
    if file is None:
        return ""
    version = _VERSION.fullmatch(file)
    return f", dataset version {version[1]}" if version else f" in `{file.replace('`', '')}`"


def _parameters(config: TrainConfig) -> str:
    rows = "\n".join(f"| {key} | {value} |" for key, value in config.written().items())
    return f"## Parameters\n\n| setting | value |\n|---|---|\n{rows}"


def _metrics(report: Report) -> str:
    rows = [
        *(_pair_rows(report) if has_pairs(report) else []),
        *(_flag_rows(report["flags"]) if report["flags"] else []),
        *(_attribute_row(part) for part in report.get("attributes", ())),
    ]
    ceiling = report["human_ceiling"]
    people = "unknown: no pair was judged by two labelers"
    if ceiling is not None:
        of = counted(ceiling["n"], "pair", ceiling["n_prompts"])
        people = f"two people agree on {number(ceiling['agreement'])} ({ends(ceiling)}, {of})"
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""
## Metrics

On {counted(report["n_pairs"], "held-out pair", report["n_pair_prompts"])}; {counted(report["n_ties"], "tie")} left out;
95 % intervals: of shares Wilson's at the effective number of pairs, of all else from a bootstrap over prompts, if there
are {LEAST_PROMPTS} of them.

| | value | 95 % interval | to compare with |
|---|---|---|---|
{table}

Human ceiling: {people}.
"""


def _attribute_row(part: AttributePart) -> Row:
    of = counted(part["n"], "pair", part["n_prompts"])
    interval = ends({"low": part["accuracy_low"], "high": part["accuracy_high"]})
    beside = f"the reward {number(part['reward'])}, longer wins {number(part['longer'])}"
    return (f"accuracy of {part['name']}, {of}", number(part["accuracy"]), interval, beside)


def _pair_rows(report: PairReport) -> list[Row]:
    longer, tau = report["baseline_longer"], report["kendall_tau_b"]
    rows = [
        _row("accuracy", report["accuracy"], f"longer wins {number(longer['accuracy'])} ({ends(longer)})"),
        _row("log loss", report["log_loss"], f"a coin: ln 2 = {number(report['ln2'])}"),
    ]
    if tau["value"] is not None:
        name = f"Kendall tau-b of {counted(tau['n'], 'ranking', tau['n_prompts'])}"
        rows.append((name, number(tau["value"]), ends(tau), "0"))
    return rows


def _flag_rows(flags: FlagReport) -> list[Row]:
    baseline = flags["baseline"]
    of = f"of {counted(flags['n_votes'], 'vote', flags['n_prompts'])} on `{flags['flag']['name']}`"
    constant = f"always `{baseline['class']}` {number(baseline['accuracy']['value'])}"
    return [
        *([_row(f"ROC AUC {of}", flags["roc_auc"], "a coin: 0.5")] if flags["roc_auc"] else []),
        _row(f"accuracy {of}", flags["accuracy"], constant),
        _row(f"log loss {of}", flags["log_loss"], f"the base rate: {number(baseline['log_loss']['value'])}"),
        *(
            _row(f"F1 of `{one['label']}`", one["f1"], counted(one["n"], "vote", one["n_prompts"]))
            for one in flags["classes"]
            if one["f1"]
        ),
    ]


def _row(name: str, estimate: Estimate | ShareEstimate, compare: str) -> Row:
    return name, number(estimate["value"]), ends(estimate), compare


def _calibration(settings: dict[str, Any], report: Report) -> str:
    normal, pairs, votes = settings["normalisation"], settings["temperature_pairs"], settings["class_temperature_votes"]
    fitted = (
        f"Temperature {settings['temperature']:.6g}, fitted on {pairs} pairs of the validation split (Guo et al. 2017)."
        if pairs
        else "The temperature was not fitted, for want of validation pairs: probabilities are as training left them."
    )
    if votes:
        fitted += f" Class temperature {settings['class_temperature']:.6g}, fitted on {votes} votes on its flag."
    rows = _calibration_rows("", report) if has_pairs(report) else []
    rows += _calibration_rows(" of the classes", report["flags"]) if report["flags"] else []
    table = "\n".join(rows)
    left = "" if normal["mean_folded"] else f" The layer has no bias, so a mean of {normal['mean_left']:.6g} stays."
    return f"""
## Calibration

{fitted}

| on the test split | before | after |
|---|---|---|
{table}

Rewards were brought to mean 0 and standard deviation 1 on {normal["completions"]} completions of the training split
(before: mean {normal["mean"]:.6g}, standard deviation {normal["sd"]:.6g}) in the weights of the last layer.{left}
"""


def _calibration_rows(of: str, part: PairReport | FlagReport) -> list[str]:
    figures = {
        "log loss": (part["log_loss_raw"], part["log_loss"]),
        "expected calibration error": (part["ece_raw"], part["ece"]),
    }
    return [
        f"| {name}{of} | {number(before['value'])} | {number(after['value'])} |"
        for name, (before, after) in figures.items()
    ]


_LIMITS = """
## Limits

It repeats the taste and the mistakes of the people who ranked, on prompts like theirs; elsewhere it is untested.
Rewards of different prompts can't be compared. What optimises against it finds completions that it likes and people
don't: check with people as it goes. The licence follows from the backbone's and the data's and is not stated here.
"""
