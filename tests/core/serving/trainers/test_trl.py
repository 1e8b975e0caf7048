"""TRL's GRPOTrainer with the client's reward function, against the running service."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from podium_client import Podium
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from trl import GRPOConfig, GRPOTrainer

from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve
from tests.core.tiny.finished import Save

TEMPLATE = "{% for message in messages %}{{ message.role }} : {{ message.content }} {% endfor %}assistant :"


@pytest.mark.filterwarnings(
    "ignore:.*is deprecated and will be removed in v6:FutureWarning"
)  # TRL asks transformers so
@pytest.mark.parametrize("conversational", [False, True])
def test_a_policy_is_trained_by_the_served_reward(
    save: Save, serve: Serve, tiny_llama: Path, tmp_path: Path, conversational: bool
) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]))
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama, padding_side="left")
    tokenizer.pad_token, tokenizer.chat_template = "[PAD]", TEMPLATE
    torch.manual_seed(7)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    policy = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **size))
    before = policy.lm_head.weight.detach().clone()
    prompts: list[Any] = ["how do i bake bread", "learn chess"]
    if conversational:
        prompts = [[{"role": "user", "content": prompt}] for prompt in prompts]
    config = GRPOConfig(
        str(tmp_path / "grpo"), max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=6,
        learning_rate=1e-2, logging_steps=1, use_cpu=True, bf16=False, report_to=[], save_strategy="no",
        disable_tqdm=True, activation_checkpointing=False,
    )  # fmt: skip
    trainer = GRPOTrainer(
        policy,
        reward_funcs=Podium(service.url).reward_function("tiny"),
        args=config,
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer,
    )
    trainer.train()
    steps = [log for log in trainer.state.log_history if "reward" in log]
    assert len(steps) == 2
    assert all(step["rewards/podium_tiny/mean"] == pytest.approx(step["reward"]) for step in steps)
    assert all(step["podium_tiny/truncated"] == 0 for step in steps)
    assert steps[0]["reward_std"] > 0
    assert not torch.equal(policy.lm_head.weight, before)
