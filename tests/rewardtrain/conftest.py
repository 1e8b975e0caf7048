"""A backbone that trains in a second, and a project with enough rankings for a run."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from labeling.models import Project, Ranking
from tests.factories import join, make_project, make_prompt, rank

WORDS = [f"{letter}{vowel}" for letter in "bdfgklmnprst" for vowel in "aeiou"]
GOOD, BAD = "good", "bad"


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path) -> Iterator[Path]:
    """Versions, runs and models of one test."""
    backend = "django.core.files.storage.FileSystemStorage"
    models = {"BACKEND": backend, "OPTIONS": {"location": tmp_path / "models"}}
    with override_settings(STORAGES={**settings.STORAGES, "models": models}):
        yield tmp_path / "models"


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT: 2 layers of 32, and a WordPiece vocabulary of a few dozen words."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("backbone")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz?", *WORDS, GOOD, BAD]
    vocabulary += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    BertTokenizerFast(vocab={word: place for place, word in enumerate(vocabulary)}).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_training(tiny_backbone: Path) -> dict[str, object]:
    return {
        "backbone": str(tiny_backbone),
        "max_length": 32,
        "batch_prompts": 4,
        "learning_rate": 3e-3,
        "head_learning_rate": 1e-2,
        "bootstrap_samples": 100,
        "eval_every": 5,
        "checkpoint_every": 5,
        "threads": 1,
    }


@pytest.fixture
def project(transactional_db: None) -> Iterator[Project]:
    yield make_project(slug="helpful")


def rank_prompts(project: Project, *, train: int = 24, test: int = 8, validation: int = 4) -> list[Ranking]:
    """Ranks so many prompts of each split; completions with more good words are better."""
    draw = random.Random(project.pk)
    labeler = project.memberships.filter(role="labeler").first()
    user = labeler.user if labeler else join(project)
    for split, count in {"train": train, "test": test, "validation": validation}.items():
        for _ in range(count):
            noise = [" ".join(draw.choices(WORDS, k=3)) for _ in range(4)]
            texts = [
                f"{GOOD} {GOOD} {GOOD} {noise[0]}",
                f"{GOOD} {GOOD} {BAD} {noise[1]}",
                f"{GOOD} {BAD} {BAD} {noise[2]}",
                f"{BAD} {BAD} {BAD} {noise[3]}",
            ]
            make_prompt(project, split=split, texts=texts, question=f"{' '.join(draw.choices(WORDS, k=4))}?")
    return [rank(project, user) for _ in range(train + test + validation)]
