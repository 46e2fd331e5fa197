"""One measurement, in a process of its own: ``worker.py TASK ARGUMENTS.json ANSWER.json``.

`run.py` starts it, with the interpreter of the peer that is measured.
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from pathlib import Path

TASKS = {
    "batch frames": "frames:write_pair",
    "growth file": "frames:write_file",
    "batch": "batch:measure",
    "read": "batch:measure_read",
    "window": "window:measure",
    "log rows": "row_log:measure_whylogs",
    "growth of a table": "growth:measure_table",
    "growth of a file": "growth:measure_file",
    "flights": "real_data:write_flights",
    "electricity": "real_data:write_electricity",
    "real peer": "real:judge_peer",
    "real mirante": "real:judge_mirante",
}


def main(task: str, arguments: str, answer: str) -> None:
    """Run a task and write what it returns."""
    module, _, name = TASKS[task].partition(":")
    given = json.loads(Path(arguments).read_text(encoding="utf-8"))
    began = time.process_time()
    result = getattr(import_module(module), name)(**given) or {}
    result["process_cpu_s"] = time.process_time() - began
    Path(answer).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
