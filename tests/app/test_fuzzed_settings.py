"""Ten thousand configs, their keys from the schema, their values often broken: taken, or told where wrong."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirante.alerts.channels.config import build_channels
from mirante.alerts.config import build_dispatch, build_routes
from mirante.app.build import _check_web, _heartbeat, _rules
from mirante.app.settings import Settings, load_settings
from mirante.errors import ConfigError

SCHEMA = Settings.model_json_schema(by_alias=True)
PLACE = re.compile(r"\S*mirante\.yaml, line [1-9][0-9]*: ")
RIGHT = {
    "when": ("x > 1", 'avg_over("x", "5m") > 2', "a == 1 and b > 2"),
    "severity": ("info", "warning", "critical"),
    "model": ("m", "n"),
    "name": ("a", "b", "silent_host"),
    "channels": (["mail"], ["hook", "none"]),
    "zone": ("UTC", "America/Sao_Paulo", "Mars/Olympus", "../../etc/passwd", "\x00"),
    "times": (["22:00-06:00"], ["25:00-26:00"], ["x"]),
    "weekdays": (["mon:fri"], ["moon"]),
    "days": (["1", "24:26"], ["0"], ["-1:99"]),
    "months": (["dec", "nov:jan"], ["13"]),
    "equal": (["model"],),
    "smtp_server": ("localhost:25", "localhost:99999999", "[::1", ""),
    "recipients": (["a@example.org"], "a@example.org", ["a@b\r\nBcc: c@d"], ["é@x"]),
    "url": ("http://127.0.0.1:1/", "env:NOT_SET", "ftp://x", "http://[::1", "http://\x00", "http://x:99999/"),
    "webhook_url": ("http://127.0.0.1:1/", "env:NOT_SET", "//", "http://é\u202e"),
    "url_file": ("nothere", "\x00", "/", ""),
    "secret": ("whsec_AAAA", "whsec_é", "env:", "x"),
    "do": ("tag", "propose_alias", "rm"),
    "type": ("console", "email", "slack", "webhook", "alertmanager", "apprise", "pigeon", "http://x"),
    "store": ("sqlite:///x.db", "postgresql://[", "://", "mysql://x"),
    "rules": ("rules.yaml", ""),
    "flapping": (True, False),
}
LENGTHS = ("5m", "1h30m", "0s", "-5m", "1:30", "9" * 30 + "d", "1e9w", "٣m", "5 m", "1h" * 50)
NASTY = (
    *(None, True, False, 0, 1, -1, 10**30, 65536, 0.5, 1e308, "", " ", "x", "x > 1", "~(", "!~[a", "!="),
    *("\x00", "\r\n", "\u202eevil", "{{7*7}}", "{0.__class__}", "é" * 300, "a\nb", "*a", "&a", "<!channel>"),
    *([], {}, [[]], [{}], {"": ""}, {"x": None}, {"x": ["~("]}, ["..."], ["...", "a"], [None], {"~(": "~("}),
    *({"rule": "~("}, {"rule": "a", "x": "!~" + "(" * 200}, {"x": "~(a+)+$"}),
)


class Writer:
    """Makes values after the schema of the config, and breaks some of them."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self.broken = dice, dice.choice((0.0, 0.02, 0.1, 0.3))

    def value(self, schema: dict[str, Any], key: str = "", depth: int = 0) -> Any:
        dice = self.dice
        if dice.random() < self.broken:
            return dice.choice((*NASTY, *LENGTHS))
        if key in RIGHT and dice.random() < 0.7:
            return dice.choice(RIGHT[key])
        if "$ref" in schema:
            return self.mapping(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], depth)
        for kind in ("anyOf", "oneOf"):
            if kind in schema:
                return self.value(dice.choice(schema[kind]), key, depth)
        if "enum" in schema or "const" in schema:
            return dice.choice(schema.get("enum") or [schema["const"]])
        if schema.get("type") == "array":
            item = schema.get("items") or {}
            return [self.value(item, key, depth + 1) for _ in range(dice.randrange(3))]
        if schema.get("type") == "object":
            inner = schema.get("additionalProperties")
            named = inner if isinstance(inner, dict) else {}
            names = dice.sample(("mail", "hook", "rule", "x", "", "a b", "\x00"), dice.randrange(3))
            return {name: self.value(named, depth=depth + 1) for name in names}
        if schema.get("format") == "duration":
            return dice.choice(LENGTHS[: 2 if dice.random() > self.broken else None])
        plain = {"string": "x", "boolean": True, "integer": dice.randrange(5), "number": 0.5, "null": None}
        return plain.get(schema.get("type", ""), "x")

    def mapping(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties, needed = schema.get("properties", {}), schema.get("required", ())
        found = {
            key: self.value(inner, key, depth + 1)
            for key, inner in properties.items()
            if key in needed or self.dice.random() < (0.9 if key == "alerts" else 0.25 / (1 + depth / 4))
        }
        if self.dice.random() < self.broken / 4:
            found[self.dice.choice(("rolls", "", "\x00", "for\n"))] = 1
        return found


def as_started(path: Path) -> None:
    """Do what ``mirante up`` does with a config before it opens its store."""
    loaded = load_settings(path, environ={})
    _check_web(loaded)
    build_channels(loaded.alerts.channels, base=loaded.folder, environ={}, locate=loaded.locate)
    _heartbeat(loaded)
    _rules(loaded)
    build_routes(loaded.alerts).destinations({"rule": "a", "severity": "critical"})
    build_dispatch(loaded.alerts)


def test_ten_thousand_configs_are_taken_or_say_where_they_are_wrong(tmp_path: Path) -> None:
    path, seen = tmp_path / "mirante.yaml", Counter[str]()
    (tmp_path / "rules.yaml").write_text("rules:\n- {name: a, when: x > 1}\n")

    @settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.integers(0, 2**64 - 1))
    def check(seed: int) -> None:
        dice = random.Random(seed)
        config = Writer(dice).mapping(SCHEMA, 0)
        text = json.dumps(config, indent=dice.choice((None, 1)), ensure_ascii=dice.random() < 0.5)
        path.write_text(text, encoding="utf-8")
        try:
            as_started(path)
        except ConfigError as error:
            seen["refused"] += 1
            for line in str(error).splitlines():
                picture = line.startswith("  ")  # the condition of a rule, and a mark below its fault
                assert picture or PLACE.match(line), (line, text)
        else:
            seen["taken"] += 1

    check()
    print(dict(seen))
    assert min(seen["refused"], seen["taken"]) > 500, "both ways are walked"
