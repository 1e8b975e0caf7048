"""Says in Markdown how a version's labels were made, for the appendix of a paper.

In English, as papers are. Every number has its n and says whether it is the file's, which never changes, or the
database's as of now; what nobody knows is said.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from labeling.data.versions.datasets import sha256_of
from labeling.data.versions.facts import Facts, Labeler, facts_of
from labeling.data.versions.holding import names_replaced, withdrawn_since
from labeling.data.versions.times import Times, times_of
from labeling.models import DatasetVersion, Split

MOST_LABELERS = 50  # rows of the table
LONGEST_EXCERPT = 600  # characters of the guidelines
FILE, NOW = "from the file", "from the database"


def methods_of(version: DatasetVersion) -> str:
    """Raises Conflict while other files are read, PodiumError where its own can't be."""
    facts, times = facts_of(version), times_of(version)
    project = version.project
    parts = [
        [f"# Methods: {project.name}, dataset version {version.number}"],
        _about(version, timezone.now()),
        ["## What was ranked", *_what(version, facts)],
        ["## Who ranked", *_who(facts, times), *_withdrawn(version)],
        ["## When and how long", *_when(times, version)],
        ["## Agreement", *_agreement(facts)],
        ["## How", *_how(version)],
    ]
    return "\n\n".join("\n\n".join(part) for part in parts) + "\n"


def _about(version: DatasetVersion, now: datetime) -> list[str]:
    by = "by a person with an account" if version.created_by_id else "by the training policy or a command"
    return [
        f"Frozen {_moment(version.created_at)} {by}, as a Parquet file of {version.bytes:,} bytes with SHA-256 "
        f"`{version.sha256}`. Written by Podium {_podium()} on {_moment(now)}. Numbers marked ({FILE}) follow from "
        f"that file alone and never change; those marked ({NOW}) are as of that moment.",
        *_replaced(version),
    ]


def _replaced(version: DatasetVersion) -> Iterator[str]:
    """Says that the file is not the one that was frozen, and what is other in it."""
    if found := names_replaced(version):
        people = "1 person was" if found.people == 1 else f"{found.people:,} people were"
        yield (
            f"Since it was frozen {people} erased on request. Their {found.rankings:,} of its {version.n_rankings:,} "
            f"rankings are in it still, and in what models learnt from it; pseudonyms took the names' places, the last "
            f"time on {_moment(found.at)}, and nothing else in the file changed. It was frozen with SHA-256 "
            f"`{version.frozen_sha256}`."
        )


def _what(version: DatasetVersion, facts: Facts) -> Iterator[str]:
    yield (
        f"{version.n_prompts:,} prompts with {version.n_rankings:,} rankings, which make {version.n_pairs:,} "
        f"chosen/rejected pairs ({FILE}). Completions of a prompt (K): {_shares(facts.lengths, 'prompts')}."
    )
    rows = [(Split(split).value, *_counts(version, split)) for split in Split.values]
    yield _table(("split", "prompts", "rankings", "pairs", "ties"), rows)
    yield (
        "A prompt's split follows from a hash of its text and stays for ever; the test split trains no model. Prompts "
        "that nobody had ranked are not in the version."
    )


def _counts(version: DatasetVersion, split: str) -> list[str]:
    counts = version.counts.get(split, {})
    return [f"{counts.get(word, 0):,}" for word in ("prompts", "rankings", "pairs", "ties")]


def _who(facts: Facts, times: Times) -> Iterator[str]:
    n, total = len(facts.labelers), facts.rankings
    yield (
        f"{n:,} {'labeler' if n == 1 else 'labelers'} ({FILE}), numbered by how many rankings each made. Rankings of a "
        f"prompt (overlap): {_shares(facts.overlap, 'prompts')}."
    )
    rows = [_labeler(place, labeler, total) for place, labeler in enumerate(facts.labelers[:MOST_LABELERS], 1)]
    if others := facts.labelers[MOST_LABELERS:]:
        rows.append((f"{len(others):,} others", *_share(sum(labeler.rankings for labeler in others), total)))
    yield _table(("labeler", "rankings", "share"), rows)
    yield (
        f"{times.imported:,} of {times.n:,} rankings were imported with the prompts and not made in Podium ({NOW})."
        " What is known of the people besides (training, pay, languages) is not recorded here."
    )


def _withdrawn(version: DatasetVersion) -> Iterator[str]:
    """Says so without names, as the table does."""
    found = withdrawn_since(version)
    known = [n for _, n in found if n is not None]
    if found:
        people = f"{len(found):,} {'labeler' if len(found) == 1 else 'labelers'}"
        number = f"{sum(known):,} rankings" if len(known) == len(found) else "the rankings"
        yield (
            f"Since the version was frozen work of {people} was withdrawn: {number} of them are in the file still "
            f"({NOW})."
        )


def _labeler(place: int, labeler: Labeler, total: int) -> tuple[str, ...]:
    return (f"labeler {place}", *_share(labeler.rankings, total))


def _share(n: int, total: int) -> tuple[str, str]:
    return f"{n:,}", f"{100 * n / total:.1f} %"


def _when(times: Times, version: DatasetVersion) -> Iterator[str]:
    made = times.n - times.imported
    if times.first is None or times.last is None:
        yield "When the rankings were made is not known: all of them were imported, without times."
    else:
        yield f"Rankings were made from {_moment(times.first)} to {_moment(times.last)} (n = {made:,}, {NOW})."
    if times.quartiles is None:
        yield "How long a ranking took is not known: no active time was recorded."
    else:
        low, median, high = times.quartiles
        yield (
            f"Median active time of a ranking: {median:.0f} s (quartiles {low:.0f} s and {high:.0f} s, "
            f"n = {times.n_timed:,} of {times.n:,} rankings, {NOW}). Active time leaves out pauses."
        )
    if times.n != version.n_rankings:
        yield (
            f"The database tells of {times.n:,} rankings that stood when the version was frozen, the file holds "
            f"{version.n_rankings:,}: some were erased since, or ended before Podium noted when."
        )


def _agreement(facts: Facts) -> Iterator[str]:
    found = facts.agreement
    if found.value is None or found.low is None or found.high is None:
        yield "Not known: no two people judged the same two completions of a prompt, ties apart."
    else:
        yield (
            f"Two people who judged the same two completions preferred the same one in {_percent(found.value)} of "
            f"comparisons (95 % interval {_percent(found.low)} to {_percent(found.high)}, n = {found.n_pairs:,} "
            f"comparisons of {found.n_prompts:,} prompts, {FILE}). The interval is Wilson's at the effective sample "
            "size, with prompts as clusters; comparisons that one of the two tied are left out."
        )
    pairs, ties = (sum(getattr(labeler, word) for labeler in facts.labelers) for word in ("pairs", "ties"))
    if pairs + ties:
        yield f"Ties: {_percent(ties / (pairs + ties))} of n = {pairs + ties:,} compared pairs of completions ({FILE})."
    if facts.strengths:
        yield f"{facts.strengths:,} of {facts.rankings:,} rankings also say how much better the better one is ({FILE})."


def _how(version: DatasetVersion) -> Iterator[str]:
    project = version.project
    yield project.judgement.method
    if project.flags:
        labels = "; ".join(flag["label"] for flag in project.flags)
        yield f"Yes/no questions about each completion ({NOW}): {labels}."
    yield _guidelines(version)


def _guidelines(version: DatasetVersion) -> str:
    """Says what people were told, and whether that is what they were told when the version was frozen."""
    guidelines = version.project.guidelines
    today = sha256_of(guidelines)
    if version.guidelines_sha256 is None:
        standing = "whether these are the ones that stood when the version was frozen is not known"
    elif version.guidelines_sha256 == today:
        standing = "the same when the version was frozen"
    else:
        standing = f"changed since: SHA-256 `{version.guidelines_sha256}` when the version was frozen"
    if not guidelines.strip():
        return f"There are no guidelines ({NOW}; {standing})."
    excerpt = guidelines.strip()
    if len(excerpt) > LONGEST_EXCERPT:
        excerpt = f"{excerpt[:LONGEST_EXCERPT].rstrip()} [...]"
    quoted = "\n".join(f"> {line}".rstrip() for line in excerpt.splitlines())
    return f"Guidelines of {len(guidelines):,} characters, SHA-256 `{today}` ({NOW}; {standing}):\n\n{quoted}"


def _shares(counts: Mapping[int, int], unit: str) -> str:
    total = sum(counts.values())
    parts = (f"{value}: {n:,} {unit} ({100 * n / total:.1f} %)" for value, n in counts.items())
    return f"{', '.join(parts)}; n = {total:,} ({FILE})"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    ruled = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruled, *rows))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(timezone.get_default_timezone()):%Y-%m-%d %H:%M %Z}"


def _podium() -> str:
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])
