"""Exports of every kind, layout and format, beside COPY of the joined rows to stdout."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.data import database
from benchmarks.data.acts import in_fresh_process, say, target
from benchmarks.data.files import K


def expanded(rankings: int) -> Iterator[str]:
    ours, bare = database.expanded_seconds()
    print(f"{rankings:,} rankings to pairs {ours:.2f} s, by the bare statement {bare:.2f} s")
    yield target("expansion: speed of the bare statement", bare / ours, at_least=0.9)


EXPORTS = {
    "jsonl": "file_format=jsonl",
    "csv": "file_format=csv",
    "parquet": "file_format=parquet",
    "arrow": "file_format=arrow",
    "csv for a spreadsheet": "file_format=csv cells=spreadsheet",
    "jsonl, gzip": "compression=gzip",
    "jsonl, zstd": "compression=zstd",
    "jsonl with provenance": "columns=provenance",
    "parquet with provenance": "columns=provenance file_format=parquet",
    "merged": "rows=merged",
    "half ties": "ties=half",
    "least agreement": "least_agreement=0.5",
    "openrlhf": "layout=openrlhf",
    "nemo-rl": "layout=nemo-rl",
    **{what: f"what={what}" for what in ("rankings", "podium", "kto", "sft")},
}
OF_A_VERSION = {
    "jsonl of a version": "version=1",
    "parquet of a version": "file_format=parquet version=1",
    "jsonl with provenance of a version": "columns=provenance version=1",
}
ALL = EXPORTS | OF_A_VERSION


def exported(prompts: int) -> Iterator[str]:
    """Exports two rankings of each prompt, beside COPY of the pairs and of the ranked completions that they hold."""
    database.analyze()
    pairs, ranked = 2 * prompts * K * (K - 1) // 2, 2 * prompts * K
    joined = database.copied_out_seconds(database.JOINED)
    places = database.copied_out_seconds(database.RANKED)
    print(
        f"COPY of {pairs:,} joined rows to stdout {joined:.2f} s, of {ranked:,} ranked completions {places:.2f} s",
        flush=True,
    )
    measured = {name: in_fresh_process("export", asked) for name, asked in EXPORTS.items()}
    frozen = in_fresh_process("freeze", "")
    measured |= {name: in_fresh_process("export", asked) for name, asked in OF_A_VERSION.items()}
    for name, each in measured.items():
        of_pairs = "what=" not in ALL[name]
        say(f"export {name}", each, rows=pairs if of_pairs else ranked)
        print(f"  {(joined if of_pairs else places) / each['seconds']:.2f} of COPY's speed")
        print(f"  first byte after {1000 * each['first']:.0f} ms; {each['bytes'] / 2**20:.0f} MB")
    say("freeze", frozen, rows=pairs)
    for name, least in (("jsonl", 0.5), ("parquet", 0.3)):
        yield target(f"export {name}: speed of COPY", joined / measured[name]["seconds"], at_least=least)
    firsts = in_fresh_process("first-bytes", "")
    print(f"first bytes of {firsts['bytes']:.0f} kinds, layouts and formats")
    slowest = max(firsts["first"], *(each["first"] for each in measured.values()))
    yield target("exports: slowest first byte, s", slowest, at_most=0.1)
    yield target("freeze: speed of the JSON Lines", measured["jsonl"]["seconds"] / frozen["seconds"], at_least=1)
    yield target("exports and freeze, MB", max(each["mb"] for each in (*measured.values(), frozen)), at_most=300)
