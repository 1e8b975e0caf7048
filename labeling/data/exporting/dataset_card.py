"""The card of a dataset folder: README.md as the Hugging Face Hub and `datasets` read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from labeling.models import DatasetVersion, Project, Split

PAIRS, RANKINGS = "pairs", "rankings"  # configs
Counts = Mapping[str, Mapping[str, int]]  # rows of each config by split


def path_of(config: str, split: str) -> str:
    """Names the file that holds a split of a config."""
    return f"{config}/{split}-00000.parquet"


def card(
    project: Project,
    version: DatasetVersion,
    counts: Counts,
    schemas: Mapping[str, pa.Schema],
    *,
    n_labelers: int,
    contents: str,
) -> str:
    """Writes the card. contents: the checksum of labeling.data.versions.contents."""
    parts = [
        f"---\n{_metadata(project, counts, schemas)}\n---",
        f"# {_one_line(project.name)}, version {version.number}",
        _what(version, counts, n_labelers, contents),
        _use(counts),
        _COLUMNS,
        _LIMITS,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _metadata(project: Project, counts: Counts, schemas: Mapping[str, pa.Schema]) -> str:
    from huggingface_hub import DatasetCardData  # takes half a second to load, which no other page needs

    default = next(iter(counts))
    configs = [
        {
            "config_name": config,
            **({"default": True} if config == default else {}),
            "data_files": [{"split": split, "path": path_of(config, split)} for split in of],
        }
        for config, of in counts.items()
    ]
    info = [
        {
            "config_name": config,
            "features": [_feature(field) for field in schemas[config]],
            "splits": [{"name": split, "num_examples": n} for split, n in of.items()],
        }
        for config, of in counts.items()
    ]
    data = DatasetCardData(
        pretty_name=_one_line(project.name),
        task_categories=["text-classification" if default == RANKINGS else "reinforcement-learning"],
        tags=["preference", "human-feedback", "podium"],
        configs=configs,
        dataset_info=info,
    )
    return str(data.to_yaml())


def _feature(field: pa.Field) -> dict[str, Any]:
    """Describes a column as `datasets` does."""
    kind = field.type
    if not pa.types.is_list(kind):
        return {"name": field.name, "dtype": str(kind)}
    inside = kind.value_type
    of = [_feature(inside.field(place)) for place in range(inside.num_fields)] if inside.num_fields else str(inside)
    return {"name": field.name, "list": of}


def _what(version: DatasetVersion, counts: Counts, n_labelers: int, contents: str) -> str:
    splits = dict.fromkeys(split for of in counts.values() for split in of)
    rows = "\n".join(
        f"| {split} | {_n(version, split, 'prompts')} | {_n(version, split, 'rankings')} | "
        f"{_n(version, split, 'pairs')} | {_n(version, split, 'ties')} | {_n(version, split, 'flagged')} |"
        for split in splits
    )
    test = "" if Split.TEST in splits else "\nThe test prompts are not in it: they measure what is trained on the rest."
    people = "1 person" if n_labelers == 1 else f"{n_labelers} people"
    return f"""
What {people} said of completions, frozen on {version.created_at:%Y-%m-%d} with Podium. They are numbered here
(`labeler-1`); who they are is not in it.

| split | prompts | rankings | pairs | ties | completions with flags |
|---|---|---|---|---|---|
{rows}
{test}
A prompt belongs to one split for ever, by a hash of its dialogue. The whole version's file had the sha256
`{version.sha256}`{_frozen(version)}; what stands here has the contents checksum `{contents}`, which a
Podium gives again (`manage.py freeze_dataset`) that imports it into an empty project.
"""


def _frozen(version: DatasetVersion) -> str:
    """Says that names gave way to pseudonyms since, of which nothing stands here: people are numbered."""
    before = version.frozen_sha256
    return f" (`{before}` when it was frozen: names of erased people are pseudonyms there since)" if before else ""


def _n(version: DatasetVersion, split: str, what: str) -> int:
    return int(version.counts.get(split, {}).get(what, 0))


def _use(counts: Counts) -> str:
    lines = "\n".join(f'{config} = load_dataset(folder, "{config}")' for config in counts)
    return f"""
## Use

```python
from datasets import load_dataset

folder = "."  # this folder, or its id on the Hub
{lines}
```
"""


_COLUMNS = """
## Columns

`pairs`: `prompt`, `chosen` and `rejected` are lists of messages, as TRL's trainers take them; `margin` says how much
better the chosen one is (1 slightly, 2 clearly, 3 much, 0 where nobody said), where people were asked. Ties make no
pair.

`rankings`: a prompt with all its completions and what each person said of them. `ranks` runs parallel to `completions`;
1 is best, and equal ranks are a tie. `flags` is JSON, parallel to them too: what a person noted of a completion.
`strength` says of two how much better the better one is. Where people
were asked for more, `acceptable` says how many tiers are good enough, `reasons` why (names), and `attributes` (JSON,
parallel to the completions) rates each, or says by how much each of two is ahead. Where people ranked the best alone,
`top_k` says how many these are: the rest has the last rank, below all of them, and is no tie, for nobody said which of
two of them is better. It is the format that Podium imports.
"""
_LIMITS = """
## Limits

It holds the taste and the mistakes of the people who ranked. Pairs of one ranking are not independent of each other:
count prompts and not pairs. Completions may hold what a model should not say. The licence follows from the prompts' and
the models' and is not stated here: set it before you publish this.
"""


def _one_line(text: str) -> str:
    return " ".join(text.split())
