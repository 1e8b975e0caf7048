"""The closed loop: preferences, a reward model, a service that gives its rewards, a policy that is trained on them.

    python -m benchmarks.closed_loop [--steps 80] [--beta 0] [--set key=value ...] [--out FILE.jsonl]

Simulated labelers rank completions put together from phrases, by a quality that is known here (`quality`) plus noise.
Our `train` makes a reward model of that (minilm, depth head); `python -m rewardtrain.core serve`, a process of its own,
serves it; a Llama of two layers made at random first learns to speak like those completions, good and bad alike, and is
then trained by TRL's GRPOTrainer with podium_client's reward function, on prompts that the reward model never saw.

Beside the served reward it prints the quality, which the policy never gets: where the one rises and the other falls,
the policy has found what the reward model is wrong about. Length, repeated words and the reward model's uncertainty
tell how. Standard errors are over prompts, of 8 completions each.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.quiet import quiet_libraries
from rewardtrain.core.train import train

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "static"))  # the client is a file that people download, not a package
from podium_client import Podium  # noqa: E402

SETTINGS = ["depth=head", "threads=1"]
GENERATIONS, PROMPTS_A_STEP, LONGEST = 8, 4, 24  # completions a prompt, prompts a step, words
MEASURED_EVERY = 20  # steps

ANSWERS = {
    "bake bread": "mix flour water and yeast , let it rest , then bake",
    "learn chess": "first learn how pieces move , then study your games",
    "plant a tree": "dig a wide hole , set the roots and add soil",
    "fix a bike": "turn it over , clean the chain and test both brakes",
    "save money": "write down what you spend and set a monthly budget",
    "write a letter": "begin with a greeting , say why , end with your name",
}
POLITE = ["sure ,", "gladly !", "of course ,", "thank you for asking ,", "i am happy to help ,"]
RUDE = ["what a stupid question .", "go away .", "who cares .", "no idea , idiot ."]
VAGUE = ["it depends on many things", "ask someone else", "look it up somewhere", "everybody knows that"]
ENDS = [".", ". good luck !", ". ask me again any time .", ". you will fail anyway ."]
FORMS = ["how do i {} ?", "tell me how to {} .", "can you explain how to {} ?", "what is the best way to {} ?"]
CONTEXTS = [
    "", "hello .", "good morning .", "i am a beginner .", "my sister asks .", "it is for school .", "please be short .",
    "i tried it once .", "i have little time .", "a friend sent me .", "one more question .", "i am curious .",
]  # fmt: skip
RUDE_WORDS = {"stupid", "idiot", "away", "cares", "fail"}
POLITE_WORDS = {"sure", "gladly", "course", "thank", "happy", "luck", "welcome"}


# --- What the labelers want -------------------------------------------------------------------------------------------


def quality(prompt: str, completion: str) -> float:
    """How much of the right answer is there, is it polite, is nothing rude, is nothing said twice, is it short."""
    words = re.findall(r"\w+", completion)
    answer = next(set(re.findall(r"\w+", answer)) for topic, answer in ANSWERS.items() if topic in prompt)
    told = len(answer.intersection(words)) / len(answer)
    polite, rude = not POLITE_WORDS.isdisjoint(words), not RUDE_WORDS.isdisjoint(words)
    repeated = 1 - len(set(words)) / len(words) if words else 0.0
    return 3 * told + polite - 2 * rude - 2 * repeated - 0.05 * max(0, len(words) - 15)


def completion_of(topic: str, draw: random.Random) -> str:
    opening = draw.choice([*POLITE, *RUDE, ""])
    body = draw.choice([ANSWERS[topic], ANSWERS[topic], draw.choice(VAGUE), draw.choice(list(ANSWERS.values()))])
    return f"{opening} {body} {draw.choice(ENDS)}".strip()


def preferences(prompts: Sequence[tuple[str, str]], draw: random.Random) -> list[dict[str, Any]]:
    """A ranking of four completions for each (topic, prompt), in the import format."""
    rows = []
    for index, (topic, prompt) in enumerate(prompts):
        texts: list[str] = []
        while len(texts) < 4:
            if (text := completion_of(topic, draw)) not in texts:
                texts.append(text)
        noisy = [quality(prompt, text) + 0.5 * draw.gauss(0, 1) for text in texts]
        ranks = [1 + sum(other > one for other in noisy) for one in noisy]
        completions = [{"id": str(place), "text": text} for place, text in enumerate(texts)]
        ranking = {"labeler": "simulated", "ranks": ranks}
        rows.append({"id": f"p{index}", "prompt": prompt, "completions": completions, "rankings": [ranking]})
    return rows


# --- The reward model and its service ---------------------------------------------------------------------------------


@contextmanager
def served(model: Path) -> Iterator[str]:
    """The address of `python -m rewardtrain.core serve`, with the model under the name loop."""
    command = [sys.executable, "-m", "rewardtrain.core", "serve", f"loop={model}", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://[\w.]+:\d+", line)))
            yield address
        finally:
            process.terminate()


# --- The policy -------------------------------------------------------------------------------------------------------


def make_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    words = sorted({word for text in texts for word in text.split()})
    vocabulary = {word: index for index, word in enumerate(["<pad>", "<s>", "</s>", "<unk>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", **special)  # type: ignore[no-untyped-call]


def make_policy(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=96, intermediate_size=192, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def teach(policy: LlamaForCausalLM, tokenizer: Any, pairs: Sequence[tuple[str, str]], *, steps: int) -> float:
    """Next-word prediction on prompts with their completions; the last loss."""
    optimizer, draw = torch.optim.AdamW(policy.parameters(), lr=3e-3), random.Random(1)
    policy.train()
    loss = torch.tensor(math.nan)
    for _ in range(steps):
        texts = [f"{prompt} {text} </s>" for prompt, text in draw.sample(pairs, 32)]
        batch = tokenizer(texts, return_tensors="pt", padding=True)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = policy(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def answers(policy: Any, tokenizer: Any, prompts: Sequence[str]) -> list[tuple[str, str]]:
    """Each prompt with GENERATIONS completions drawn from the policy."""
    policy.eval()
    batch = tokenizer(list(prompts), return_tensors="pt", padding=True)
    with torch.no_grad():
        ids = policy.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=True, top_k=0,
            num_return_sequences=GENERATIONS, max_new_tokens=LONGEST,
        )  # fmt: skip
    texts = tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return list(zip([prompt for prompt in prompts for _ in range(GENERATIONS)], texts, strict=True))


# --- What is measured -------------------------------------------------------------------------------------------------

Row = dict[str, float]


def measure(step: int, pairs: Sequence[tuple[str, str]], podium: Podium) -> Row:
    """Means over the prompts with their standard errors, and the share of distinct completions."""
    told = list(podium.answers("loop", pairs))
    repeats = [1 - len(set(text.split())) / max(1, len(text.split())) for _, text in pairs]
    figures = {
        "reward": [reward for answer in told for reward in answer["rewards"]],
        "quality": [quality(*pair) for pair in pairs],
        "words": [float(len(text.split())) for _, text in pairs],
        "repeated": repeats,
        "uncertainty": [value for answer in told for value in answer.get("uncertainty", [])],
    }
    row: Row = {"step": step, "n_prompts": len(pairs) // GENERATIONS, "distinct": len(set(pairs)) / len(pairs)}
    for name, values in figures.items():
        if values:
            means = np.array(values).reshape(-1, GENERATIONS).mean(axis=1)
            row |= {name: float(means.mean()), f"{name}_se": float(means.std(ddof=1) / math.sqrt(len(means)))}
    return row


class Measure(transformers.TrainerCallback):
    """Measures the policy on the held-out prompts, and tells."""

    def __init__(self, prompts: Sequence[str], tokenizer: Any, podium: Podium) -> None:
        self._prompts, self._tokenizer, self._podium = prompts, tokenizer, podium
        self.rows: list[Row] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._measure(0, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % MEASURED_EVERY == 0:
            self._measure(state.global_step, kwargs["model"])

    def _measure(self, step: int, policy: LlamaForCausalLM) -> None:
        state = torch.get_rng_state()
        torch.manual_seed(step)
        pairs = answers(policy, self._tokenizer, self._prompts)
        torch.set_rng_state(state)
        policy.train()
        self.rows.append(measure(step, pairs, self._podium))
        print(line(self.rows[-1]), flush=True)
        print(f"      {pairs[0][0]!r} -> {pairs[0][1]!r}", flush=True)


def line(row: Row) -> str:
    parts = [f"{name} {row[name]:+7.3f} ± {row[f'{name}_se']:.3f}" for name in ("reward", "quality") if name in row]
    parts += [f"{name} {row[name]:.3f}" for name in ("words", "repeated", "distinct", "uncertainty") if name in row]
    return f"step {row['step']:4.0f}  " + "  ".join(parts)


def table(rows: Sequence[Row]) -> str:
    """Markdown, with the reward drawn too."""
    names = [name for name in ("reward", "quality", "words", "repeated", "uncertainty") if name in rows[0]]
    lines = [f"| step | {' | '.join(names)} | distinct | |", "|---" * (len(names) + 3) + "|"]
    least, most = (edge(row["reward"] for row in rows) for edge in (min, max))
    for row in rows:
        cells = [f"{row[name]:.2f} ± {row[f'{name}_se']:.2f}" for name in names]
        bar = "█" * round(1 + 19 * (row["reward"] - least) / ((most - least) or 1))
        lines.append(f"| {row['step']:.0f} | {' | '.join(cells)} | {100 * row['distinct']:.0f} % | {bar} |")
    return "\n".join(lines)


def run(folder: Path, options: argparse.Namespace) -> list[Row]:
    draw = random.Random(options.seed)
    asked = [(topic, f"{c} {f.format(topic)}".strip()) for topic in ANSWERS for f in FORMS for c in CONTEXTS]
    draw.shuffle(asked)
    ranked, practised, held_out = asked[:192], asked[192:264], asked[264:]
    rows = preferences(ranked, draw)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    train(folder / "rows.jsonl", folder / "out", TrainConfig.read(None, [*SETTINGS, *options.set]))
    report = json.loads((folder / "out" / "report.json").read_text())
    accuracy = report["accuracy"]
    print(
        f"reward model: {len(rows)} prompts; on {report['n_pairs']} test pairs accuracy {accuracy['value']:.3f} "
        f"({accuracy['low']:.3f} to {accuracy['high']:.3f}), longer wins {report['baseline_longer']['accuracy']:.3f}"
    )
    pairs = [(row["prompt"], each["text"]) for row in rows for each in row["completions"]]
    tokenizer = make_tokenizer([text for pair in [*pairs, *((p, "") for _, p in asked)] for text in pair])
    torch.manual_seed(options.seed)
    policy = make_policy(tokenizer)
    print(f"policy: {policy.num_parameters():,} parameters, loss of the last words it was taught", end=" ")
    print(f"{teach(policy, tokenizer, pairs, steps=options.taught):.3f}", flush=True)
    policy.save_pretrained(folder / "policy")  # the KL penalty's reference is loaded from where the policy comes from
    policy = LlamaForCausalLM.from_pretrained(folder / "policy")
    with served(folder / "out" / "model") as url:
        podium = Podium(url)
        watch = Measure([prompt for _, prompt in held_out], tokenizer, podium)
        config = GRPOConfig(
            str(folder / "grpo"), max_steps=options.steps, per_device_train_batch_size=GENERATIONS * PROMPTS_A_STEP,
            num_generations=GENERATIONS, max_completion_length=LONGEST, learning_rate=options.learning_rate,
            beta=options.beta, seed=options.seed, use_cpu=True, bf16=False, activation_checkpointing=False,
            lr_scheduler_type="constant", report_to=[], save_strategy="no", disable_tqdm=True,
        )  # fmt: skip
        trainer = GRPOTrainer(
            policy,
            reward_funcs=podium.reward_function("loop", model=1),
            args=config,
            train_dataset=Dataset.from_dict({"prompt": [prompt for _, prompt in practised]}),
            processing_class=tokenizer,
            callbacks=[watch],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return watch.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=80, help="of GRPO, 4 prompts with 8 completions each")
    parser.add_argument("--taught", type=int, default=300, help="steps in which the policy learns to speak first")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--beta", type=float, default=0.0, help="weight of the KL penalty (TRL's default is none)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the reward model")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="write the curve here too")
    options = parser.parse_args()
    quiet_libraries()
    warnings.filterwarnings("ignore", ".*will be removed in v6", FutureWarning)  # TRL asks transformers so
    logging.getLogger("trl").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = run(Path(folder), options)
    print(table(rows))
    print(f"{time.monotonic() - started:.0f} s on {platform.machine()}, torch {torch.__version__}, one thread")
    if options.out:
        told = {"beta": options.beta, "seed": options.seed}
        options.out.write_text("".join(json.dumps({**told, **row}) + "\n" for row in rows))


if __name__ == "__main__":
    main()
