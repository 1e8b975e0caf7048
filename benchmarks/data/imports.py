"""Imports: of Podium's own rows beside COPY, and of every format beside its own row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.data import database
from benchmarks.data.acts import in_fresh_process, say, target
from benchmarks.data.files import write_format

OWN = "own row, JSON Lines"
SLOWEST = 1.5  # times as long as Podium's own row
MOST_MB = 300


def imported(folder: Path, files: list[Path], prompts: int) -> Iterator[str]:
    plain = in_fresh_process("import", str(files[0]))
    copied = database.copied_seconds(folder)
    database.empty("labeling_prompt")
    say("import", plain, rows=prompts)
    print(f"  COPY of the same rows {copied:.2f} s")
    yield target("import: speed of COPY", copied / plain["seconds"], at_least=0.25)
    ranked = in_fresh_process("import", str(files[1]))
    say("import with a ranking each", ranked, rows=prompts)
    again = in_fresh_process("import", str(files[2]))
    say("one more ranking each, of known rows", again, rows=prompts)
    known = in_fresh_process("import", str(files[3]))
    say("a tenth of the same file again", known, rows=prompts // 10)
    if prompts >= 100_000:
        yield target("import, s", plain["seconds"], at_most=25)
        yield target("import with a ranking each, s", ranked["seconds"], at_most=45)
    yield target("import, MB", max(each["mb"] for each in (plain, ranked, again, known)), at_most=300)


def formats(folder: Path, prompts: int, named: Sequence[str]) -> Iterator[str]:
    """Imports the same prompts, with a pair each, in each format: twice and by turns with the own row, as a machine has
    other things to do; and a quarter of them, to see that memory is flat."""
    own, other = folder / "own", folder / "other"
    write_format(OWN, own, prompts)
    ratios, most = {}, 0.0
    for name in named:
        write_format(name, other, prompts // 4)
        smaller = _empty_and_import(other)
        write_format(name, other, prompts)
        beside, measured = zip(*((_empty_and_import(own), _empty_and_import(other)) for _ in range(2)), strict=True)
        fastest = min(measured, key=lambda each: each["seconds"])
        ratios[name] = fastest["seconds"] / min(each["seconds"] for each in beside)
        most = max(most, fastest["mb"])
        say(f"import of {name}", fastest, rows=prompts)
        print(f"  {ratios[name]:.2f} times as long as the own row; of a quarter {smaller['mb']:.0f} MB", flush=True)
        other.unlink()
    yield target("import of any format: of the own row's seconds", max(ratios.values()), at_most=SLOWEST)
    yield target("import of any format, MB", most, at_most=MOST_MB)


def _empty_and_import(path: Path) -> dict[str, float]:
    database.empty("labeling_prompt")
    return in_fresh_process("import-any", str(path))
