"""Arrow: the IPC file (Feather, version 2, too) and the IPC stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mirante.sources.tables.kinds import kind_of

__all__ = ["ArrowBatches"]

_ROWS = 65_536  # batches in the file may be far larger


class ArrowBatches:
    """An Arrow file as record batches.

    Parameters
    ----------
    path : Path
        Mapped into memory: what is not compressed takes none of its own. A compressed batch is unpacked as
        a whole.
    stream : bool
        Whether it is an IPC stream, which has no table of contents.
    """

    def __init__(self, path: Path, *, stream: bool) -> None:
        self._path = path
        self._stream = stream
        with pa.memory_map(str(path)) as source:
            schema = self._open(source, None).schema
        self.names = list(schema.names)
        self.kinds = {name: kind_of(kind) for name, kind in zip(schema.names, schema.types, strict=True)}

    def _open(self, source: Any, columns: Sequence[int] | None) -> Any:
        options = pa.ipc.IpcReadOptions(included_fields=columns, use_threads=False)
        start = pa.ipc.open_stream if self._stream else pa.ipc.open_file
        return start(source, options=options)

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns.

        Parameters
        ----------
        columns : sequence of str
            At least one.
        """
        with pa.memory_map(str(self._path)) as source:
            reader = self._open(source, [self.names.index(name) for name in columns])
            batches = reader if self._stream else map(reader.get_batch, range(reader.num_record_batches))
            for batch in batches:
                batch.validate(full=True)  # lengths and places in a damaged file may point anywhere
                for start in range(0, batch.num_rows, _ROWS):
                    yield batch.slice(start, _ROWS)
