"""A frozen version as a Hugging Face dataset folder: `datasets.load_dataset(FOLDER)` reads its splits.

    README.md                        the card, with the configs, their features and their splits
    pairs/train-00000.parquet        {prompt, chosen, rejected}, as TRL reads them
    rankings/train-00000.parquet     Podium's own rows, which an import takes again

Labelers leave as numbers: a folder is made to be passed on, and who they are is in the database.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.utils.translation import gettext as _

from formats import zips
from labeling.data.exporting import dataset_card, exports
from labeling.data.exporting.pair_groups import MARGIN
from labeling.data.exporting.wanted import splits_of
from labeling.data.versions import contents, datasets
from labeling.data.versions.frozen_rows import MORE, SCHEMA, TOP_K, of_rankings
from labeling.errors import Conflict, Invalid
from labeling.models import DatasetVersion, Project

CARD = "README.md"
PAIRS_LAYOUT = "conversational"
PAIRS_TYPE = SCHEMA.field("prompt").type  # messages
_ROWS_AT_ONCE = 500
_RANKING = pa.struct(
    [("labeler", pa.string()), ("ranks", pa.list_(pa.int32())), ("flags", pa.string()), ("strength", pa.int32())]
)


@dataclass(frozen=True)
class Folder:
    """What a version becomes, of the splits that were asked for."""

    project: Project
    version: DatasetVersion
    splits: tuple[str, ...]

    @property
    def name(self) -> str:
        """Names the folder, such as helpful-v3-train-validation."""
        return "-".join([self.project.slug, f"v{self.version.number}", *self.splits])

    @property
    def filename(self) -> str:
        return f"{self.name}.zip"

    def members(self) -> list[zips.Member]:
        """Lists its files, the card last: it has a checksum over all rows, and a download should begin at once."""
        files = [self._file(config, split) for config, of in self.counts.items() for split in of]
        return [*files, zips.Member(CARD, None, lambda: iter([self._card().encode()]))]

    def stream(self) -> Iterator[bytes]:
        """Yields it as a zip, in pieces; memory stays flat but for the ids."""
        return zips.stream(zips.Member(f"{self.name}/{one.name}", one.size, one.pieces) for one in self.members())

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Counts the rows of each config by split; what would have none is left out."""
        rows_of = {dataset_card.PAIRS: "pairs", dataset_card.RANKINGS: "prompts"}
        counted = self.version.counts
        counts = {
            config: {split: of for split in self.splits if (of := counted.get(split, {}).get(rows, 0))}
            for config, rows in rows_of.items()
        }
        return {config: of for config, of in counts.items() if of}

    @cached_property
    def contents(self) -> str:
        """Gives the checksum of what is in it, which a version that is pulled and frozen elsewhere has too."""
        return contents.sha256_of(self.version, self.splits)

    @cached_property
    def _labelers(self) -> dict[str, str]:
        """Names each as it leaves."""
        return {name: f"labeler-{n}" for name, n in contents.labeler_numbers(self.version, self.splits).items()}

    @cached_property
    def _schema(self) -> pa.Schema:
        known = of_rankings(datasets.schema_of(self.version))
        further = [pa.field(*column) for column in (*MORE, TOP_K) if column[0] in known]
        return pa.schema([*list(SCHEMA)[:-1], pa.field("rankings", pa.list_(pa.struct([*_RANKING, *further])))])

    def _file(self, config: str, split: str) -> zips.Member:
        write = self._pairs if config == dataset_card.PAIRS else self._rankings
        return zips.Member(dataset_card.path_of(config, split), None, lambda: write(split))

    def _pairs(self, split: str) -> Iterator[bytes]:
        return exports.stream_pairs(
            self.project, file_format="parquet", layout=PAIRS_LAYOUT, split=split, version=self.version
        )

    def _rankings(self, split: str) -> Iterator[bytes]:
        sink = io.BytesIO()
        with (
            pq.ParquetFile(datasets.path_of(self.version)) as file,
            pq.ParquetWriter(sink, self._schema, compression="zstd") as writer,
        ):
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                table = pa.Table.from_batches([batch])
                chosen = table.filter(pc.equal(table["split"], split))
                if len(chosen):
                    writer.write_table(_leaving(chosen.combine_chunks(), self._labelers, self._schema))
                    yield _drain(sink)
        yield _drain(sink)

    def _card(self) -> str:
        pairs = dict.fromkeys(("prompt", "chosen", "rejected"), PAIRS_TYPE)
        if datasets.has_strengths(self.version):
            pairs |= MARGIN
        return dataset_card.card(
            self.project,
            self.version,
            self.counts,
            {dataset_card.PAIRS: pa.schema(list(pairs.items())), dataset_card.RANKINGS: self._schema},
            n_labelers=len(self._labelers),
            contents=self.contents,
        )


def folder_of(version: DatasetVersion, split: str | None = None) -> Folder:
    """Makes the folder of a version. split: as of an export, without the test prompts where none is named.

    Raises Invalid('unknown_split'), Conflict('version_file_gone'), or Invalid('nothing_in_split') where it would be
    empty.
    """
    folder = Folder(version.project, version, splits_of(split))
    if not datasets.path_of(version).is_file():
        message = _("The file of version %(number)s is missing on the server. Have it restored from a backup.")
        raise Conflict("version_file_gone", message % {"number": version.number})
    if not folder.counts:
        message = _("Version %(number)s has no prompts in %(splits)s.")
        raise Invalid(
            "nothing_in_split",
            message % {"number": version.number, "splits": ", ".join(folder.splits)},
            attr="split",
        )
    return folder


def _leaving(table: pa.Table, names: dict[str, str], schema: pa.Schema) -> pa.Table:
    """Gives rows without their rankings' ids, each labeler by the name that leaves."""
    column = table["rankings"].chunk(0)
    said = column.flatten()
    labelers = pa.array([names[name] for name in said.field("labeler").to_pylist()], pa.string())
    kind = schema.field("rankings").type
    of_ranking = list(kind.value_type)
    fields = [labelers, *(said.field(each.name) for each in of_ranking[1:])]
    structs = pa.StructArray.from_arrays(fields, fields=of_ranking)
    lists = pa.ListArray.from_arrays(_offsets(column), structs, type=kind)
    others = [table[name].chunk(0) for name in schema.names[:-1]]
    return pa.Table.from_arrays([*others, lists], schema=schema)


def _offsets(lists: pa.ListArray) -> pa.Array:
    """Gives where each list begins in what flatten() gives, which begins at 0 even of a part of an array."""
    return pc.subtract(lists.offsets, lists.offsets[0])


def _drain(sink: io.BytesIO) -> bytes:
    """Takes what was written; the writer of Parquet counts for itself how far it is."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece
