"""Rows for the tests of this folder."""

import numpy as np
import pyarrow as pa

from mirante.inference_log.kinds import TIME_TYPE


def rows(numbers, *, seconds=None, **more):
    numbers = list(numbers)
    micros = np.array(numbers if seconds is None else seconds, dtype="int64") * 1_000_000
    columns = {"x": pa.array([float(n) for n in numbers]), **more}
    return pa.table(
        {
            **columns,
            "__id": pa.array([f"id{n}" for n in numbers]),
            "__time": pa.array(micros).cast(TIME_TYPE),
            "__latency": pa.array([0.5] * len(numbers)),
            "__prediction": pa.array([n / 2 for n in numbers]),
        }
    )


def ids(table):
    return [] if table is None else table["__id"].to_pylist()
