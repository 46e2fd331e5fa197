"""Server time and size of every page on a large store: ``python -m benchmarks.pages [--store FILE]``.

The store has 800 models, 20 hosts and over 20 million readings; one model has 50 columns and a year of
windows. The bar: p95 at most 150 ms and at most 500 kB for each page (without plotly.js, which is fetched
once). The first request of a rule's page also makes the preview, which is kept for some minutes. With
``--browser`` also the time until Chromium shows the first card of the overview: at most 1.5 s with nothing in
its cache and 0.5 s with it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

from benchmarks.pages.browser import overview_times
from benchmarks.pages.measure import Figures, measure
from benchmarks.pages.store import BIG, NOW, RAW_HOST, USUAL, Sizes, make_rules, make_store
from mirante.store import Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.ruling import Ruling

RANGES = ("24h", "7d", "30d", "1y", "all")
BAR_MS, BAR_KB = 150, 500


def pages() -> list[tuple[str, str]]:
    """Return names and addresses of what is measured."""
    usual, big, raw = (quote(subject, safe="/@") for subject in (USUAL, BIG, RAW_HOST))
    window = f"{NOW.replace(minute=0).isoformat().replace('T10', 'T05').removesuffix('+00:00')}Z"
    asked = [("overview", "/")]
    asked += [(f"usual model, {name}", f"/model?subject={usual}&range={name}") for name in RANGES]
    asked += [(f"big model, {name}", f"/model?subject={big}&range={name}") for name in RANGES]
    asked += [
        ("big model, comparison", f"/model?subject={big}&feature=feature_07&window={window}#compare"),
        ("big model, third page", f"/model?subject={big}&page=3"),
        ("host", "/host?subject=host/web-01"),
        *((f"host of raw minutes, {name}", f"/host?subject={raw}&range={name}") for name in ("24h", "30d")),
        ("alerts", "/alerts"),
        ("alerts of one model", f"/alerts?subject={big}"),
        ("an alert", f"/alerts/{1:032x}"),
        ("silences", "/silences"),
        ("a silence", f"/silences/{50:032x}"),
        ("new silence", f"/silences/new?alert={1:032x}"),
        ("rules", "/rules"),
        ("a rule of every model", "/rules/rule_0"),
        ("a rule of every model, 90 days", "/rules/rule_0?days=90"),
        ("a rule of one model", "/rules/rule_40"),
        ("status", "/status"),
        ("line at the foot", "/status/line"),
        ("health", "/healthz"),
        ("API: subjects", "/api/v1/subjects"),
        ("API: alerts", "/api/v1/alerts"),
        ("API: readings of a model", f"/api/v1/readings?subject={usual}&limit=100"),
        ("API: windows of a model", f"/api/v1/windows?subject={usual}&limit=50"),
        ("API: silences", "/api/v1/silences"),
        ("API: proposals", "/api/v1/proposals"),
        ("API: rules", "/api/v1/rules"),
    ]
    return [(name, target.partition("#")[0]) for name, target in asked]


def row(one: Figures) -> str:
    """Return a line of the table; what is over a bar is marked."""
    late = " *" if one.p95 > BAR_MS else "  "
    large = " *" if one.size > BAR_KB and not one.name.startswith("API") else "  "
    return (
        f"{one.name:30} {one.first:9.0f} {one.p50:8.0f} {one.p95:8.0f}{late} {one.cpu:8.0f}"
        f" {one.size:9.0f}{large} {one.packed:8.0f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--store", type=Path, help="made if it is not there, and kept")
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--models", type=int, default=800)
    parser.add_argument("--only", default="", help="pages whose names begin so")
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.store or Path(folder) / "mirante.db"
        if not path.exists():
            make_store(path, Sizes(models=options.models))
        with Store(f"sqlite:///{path}") as store:
            rules = make_rules(Sizes(models=options.models))
            ruling = Ruling(lambda: rules)
            app = create_app(store, config=WebConfig(), clock=lambda: NOW, ruling=ruling)
            if not options.json:
                names = (
                    f"{'first ms':>9} {'p50 ms':>8} {'p95 ms':>8}   {'CPU ms':>8} {'kB':>9}   {'gzip kB':>8}"
                )
                print(f"{'':30} {names}")
            found = []
            for name, target in pages():
                if name.startswith(options.only):
                    found.append(measure(app, name, target, options.requests))
                    if not options.json:
                        print(row(found[-1]), flush=True)
            browser = overview_times(app) if options.browser else {}
    if options.json:
        json.dump({"pages": [asdict(one) for one in found], "browser": browser}, sys.stdout, indent=2)
    for name, seconds in browser.items():
        print(f"{name:40} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
