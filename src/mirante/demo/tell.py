"""The summary of the demonstration in plain lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["tell"]

_MOST = 12


def tell(summary: Mapping[str, Any], *, ended: bool = False) -> str:
    """Return the summary as text for people.

    Parameters
    ----------
    summary : mapping
        As `run_demo` leaves it.
    ended : bool
        Whether the demonstration ends with it, and its MLflow server too.

    Returns
    -------
    str
        Several lines.
    """
    champion = summary["champion"]
    alerts = summary["alerts"]
    notices = summary["notices"]
    seconds = summary["seconds"]
    lines = [
        "",
        f"Model     {champion['model']}@{champion['alias']}, version {champion['version']}, "
        f"log-loss {champion['metrics']['log_loss']:.3f} on the last week of January",
        f"Rows      {summary['rows_replayed']:,} replayed, {summary['rows_recorded']:,} recorded, "
        f"{summary['rows_read_back']:,} read back, {summary['rows_profiled']:,} profiled "
        f"in {summary['windows']} windows; {summary['labels']:,} labels came",
        f"Readings  {summary['readings']:,} in the store, {summary['readings_in_mlflow']:,} in MLflow",
        f"Alerts    {len(alerts)} fired; notices: {notices['delivered']} delivered, {notices['owed']} owed, "
        f"{notices['dead']} given up",
    ]
    for alert in sorted(alerts, key=lambda a: (a["severity"] != "critical", a["first_fired_at"]))[:_MOST]:
        about = alert["labels"].get("feature", "")
        line = f"          {alert['window']}  {alert['severity']:<8}  {alert['rule']}  {about}"
        lines.append(line.rstrip())
    if len(alerts) > _MOST:
        lines.append(f"          and {len(alerts) - _MOST} more; the page shows them all")
    parts = ", ".join(
        f"{name.replace('_', ' ')} {value:.1f} s" for name, value in seconds.items() if name != "total"
    )
    lines += [
        f"Time      {seconds['total']:.1f} s: {parts}",
        *(f"File      {path}" for path in summary["files"]),
    ]
    if not ended:
        return "\n".join([*lines, f"MLflow    {summary['mlflow']}"])
    config = shlex.quote(str(Path(summary["folder"]) / "mirante.yaml"))
    lines += [
        "MLflow    its server stops now; an alert that it is gone would be all that mirante up adds",
        f"Look      open the files above in a browser; mirante alerts list --state all -c {config}",
        "          shows what fired. Without --exit, mirante demo does it again and serves page and MLflow.",
    ]
    return "\n".join(lines)
