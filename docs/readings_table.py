"""Writes docs/readings.md from the table of readings: ``python docs/readings_table.py``."""

from __future__ import annotations

from pathlib import Path

from mirante.readings import READINGS

HEAD = """# Readings

Every number that the service watches is a *reading*: a name, a value, a time, labels, and a note for
people. Rules, the store, Prometheus, MLflow and the charts all use the names below.

Labels of the subject come first and are not repeated in the table: `model`, `alias` and `version` for
a model, `host` for a host, `experiment` (its name) and `experiment_id` for an experiment, `registry`
(its address) for MLflow's model registry, `table` for a table (whose drift, quality and outliers have the
names that those of models have). NaN means that the number was asked for and is unknown; a comparison in
a rule is never true of it. A `share` is a number from 0 to 1: rules and programs use it as it is
(`missing_ratio > 0.3`), pages and notices write it in per cent (30 %).

In Prometheus and in rules a reading is written `drift_ks{feature="age"}`. In MLflow the same reading is
the metric `drift_ks/age`, and `system_cpu_percent` is `system/cpu_percent`. Characters that MLflow
refuses in a key are encoded in a way that can be read back.

The label `slice` is there for declared slices only; without it a reading is of all rows. What is written of
a slice, and of which columns, is in [](slices.md).

A host's readings are those of the machine that Mirante runs on. What it does not have is not there: file
systems are those on its own disks (no network drives, no images; at most 20), `system_container_…` come
where a limit of CPU or memory holds for the container or service that Mirante runs in (control groups,
version 1 and 2), `system_gpu_…` with `mirante[gpu]` and an NVIDIA driver. Processes are told by their names
and ids, in the notes of ten readings; their command lines, which may hold secrets, are never kept. All of
it takes about 2 ms and 0.05 ms for each process, once in `host.interval`. Those of other hosts come from
agents ([](many-hosts.md)), with `agent_…` beside them.

<!-- written by docs/readings_table.py from mirante.readings.READINGS; a test compares the two -->

| name | further labels | unit or range | meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the page as it must be."""
    rows = (
        f"| `{name}` | {', '.join(f'`{label}`' for label in kind.labels)} | {kind.unit} | {kind.help} |"
        for name, kind in READINGS.items()
    )
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("readings.md").write_text(page(), encoding="utf-8")
