"""Parquet: one row a document, with paragraphs and directives nested in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from zhengling.errors import OutputError
from zhengling.extraction.records import Record
from zhengling.files.columns import TYPES, Columns, free_names, plain
from zhengling.files.durable import remove_folder, replacing, sweep, sync_folder, writing
from zhengling.scheme.labels import LabelScheme
from zhengling.text import REPAIRS

ROWS_IN_A_GROUP = 1000


class ParquetRows:
    """Each commit makes a part of its own, whole or not there; at the end the parts become one file."""

    def __init__(self, path: Path, parts: Path, committed: int | None, scheme: LabelScheme, columns: Columns) -> None:
        """``parts`` is the folder of the parts, of which the first ``committed`` are kept."""
        self.path, self.parts, self.columns = path, parts, columns
        self.schema, self.names = parquet_schema(scheme, columns)
        self.rows: list[dict[str, Any]] = []
        self.committed = committed or 0
        with writing(parts):
            sweep(parts)
            if committed is None and parts.exists():
                remove_folder(parts)
            parts.mkdir(parents=True, exist_ok=committed is not None)
            sync_folder(parts.parent)
            for part in parts.iterdir():
                if not part.stem.isdigit() or int(part.stem) >= self.committed:
                    part.unlink()
        missing = [str(part) for part in self._parts() if not part.exists()]
        if missing:
            raise OutputError(f"{missing[0]} is missing, which was committed. Expected it there; begin anew")

    def write(self, record: Record, text: str) -> None:
        """Keep a record for the next commit."""
        row = record.as_dict()
        carried = row.pop("columns", {})
        self.rows.append(row | {self.names[name]: plain(value, self.columns[name]) for name, value in carried.items()})

    def commit(self) -> int:
        """The number of parts, after a part with all rows since the last commit."""
        if self.rows:
            table = pa.Table.from_pylist(self.rows, schema=self.schema)
            with replacing(self._part(self.committed)) as new, new.open("wb") as out:
                pq.write_table(table, out, compression="zstd")
            self.committed += 1
            self.rows = []
        return self.committed

    def finish(self) -> None:
        """Make one file of the parts, put it in its place and remove them."""
        with (
            replacing(self.path) as new,
            new.open("wb") as out,
            pq.ParquetWriter(out, self.schema, compression="zstd") as writer,
        ):
            for table in self._groups():
                writer.write_table(table, row_group_size=ROWS_IN_A_GROUP)
        remove_folder(self.parts)

    def close(self) -> None:
        """Forget what was not committed."""
        self.rows = []

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:08d}.parquet"

    def _parts(self) -> Iterator[Path]:
        return map(self._part, range(self.committed))

    def _groups(self) -> Iterator[pa.Table]:
        """The parts, small ones together; an empty table if there are none."""
        group: list[pa.Table] = []
        for part in self._parts():
            with part.open("rb") as raw, pq.ParquetFile(raw) as file:
                group.append(file.read())
            if sum(table.num_rows for table in group) >= ROWS_IN_A_GROUP:
                yield pa.concat_tables(group)
                group = []
        yield pa.concat_tables([*group, self.schema.empty_table()])


def parquet_schema(scheme: LabelScheme, columns: Columns) -> tuple[pa.Schema, dict[str, str]]:
    """The columns of the file, and by the name of a carried column its name in the file."""
    span = {"start": pa.int64(), "end": pa.int64()}
    found = {"score": pa.float64(), "text": pa.string(), "clean": pa.string()}
    value = {name: pa.string() for name in ("type", "start", "end", "comparator", "unit")} | {"number": pa.float64()}
    slot = _struct({"kind": pa.string()} | span | found | {"value": _struct(value)})
    directive = _struct({"kind": pa.string()} | span | {"paragraph": pa.int64()} | found | {"slots": pa.list_(slot)})
    scores = _struct(dict.fromkeys(scheme.themes, pa.float64()))
    paragraph = _struct(span | {"boilerplate": pa.bool_(), "themes": pa.list_(pa.string()), "scores": scores})
    own = {
        **dict.fromkeys(("source", "id", "model", "version"), pa.string()),
        "characters": pa.int64(),
        "encoding": pa.string(),
        "repairs": _struct(dict.fromkeys(REPAIRS, pa.int64())),
        "paragraphs": pa.list_(paragraph),
        "directives": pa.list_(directive),
        "error": pa.string(),
    }
    names = free_names(columns, own.keys())
    carried = {names[name]: TYPES[kind] for name, kind in columns.items()}
    return pa.schema(list((own | carried).items())), names


def _struct(fields: dict[str, pa.DataType]) -> pa.StructType:
    return pa.struct(list(fields.items()))
