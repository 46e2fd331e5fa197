from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from mirante.views.theme import SERIES, TOKENS, colour, css_tokens, dark_pairs, heat_scale, template

MODES = ("light", "dark")

# Machado, Oliveira, Fernandes 2009: what full protanopia, deuteranopia and tritanopia make of linear RGB
BLINDNESS = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(text: str) -> np.ndarray:
    part = np.array([int(text[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(text) @ [0.2126, 0.7152, 0.0722]) for text in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    ratio = xyz / [0.9505, 1, 1.089]
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("front", "backs"),
    [
        ("text", ("bg", "surface", "surface-2")),
        ("muted", ("bg", "surface", "surface-2")),
        ("accent", ("bg", "surface", "surface-2")),
        ("on-accent", ("accent",)),
        *((level, (f"{level}-bg", "surface")) for level in ("ok", "info", "warning", "critical")),
    ],
)
def test_text_has_the_contrast_of_level_aa(mode, front, backs):
    for back in backs:
        assert contrast(colour(front, mode), colour(back, mode)) >= 4.5, (front, back)


@pytest.mark.parametrize("mode", MODES)
def test_lines_can_be_seen(mode):
    for name in (*SERIES, "heat-mark"):
        assert contrast(colour(name, mode), colour("surface", mode)) >= 3, name


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", BLINDNESS)
def test_series_differ_for_the_colour_blind(mode, kind):
    seen = [lab(np.clip(np.array(BLINDNESS[kind]) @ linear(colour(name, mode)), 0, 1)) for name in SERIES]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 15


@pytest.mark.parametrize("mode", MODES)
def test_the_heat_map_is_read_by_lightness_alone(mode):
    lightness = [lab(linear(text))[0] for _at, text in heat_scale(mode)]
    steps = np.diff(lightness)
    assert np.all(steps < -5) or np.all(steps > 5)


def test_every_light_colour_has_one_dark_partner():
    assert len(dark_pairs()) == len(TOKENS)
    assert len(set(dark_pairs().values())) == len(TOKENS)


def test_the_served_style_sheet_is_the_table():
    served = files("mirante.web") / "static" / "tokens.css"
    assert served.read_text(encoding="utf-8") == css_tokens(), "save css_tokens() to web/static/tokens.css"


def test_the_style_sheet_knows_light_dark_and_the_switch():
    text = css_tokens()
    assert "prefers-color-scheme: dark" in text
    assert "[data-theme='dark']" in text
    assert text.count("--mirante-critical:") == 3


def test_templates_differ_only_in_colours():
    light, dark = template("light").to_plotly_json(), template("dark").to_plotly_json()
    pairs = dark_pairs()

    def recoloured(value):
        if isinstance(value, dict):
            return {key: recoloured(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [recoloured(one) for one in value]
        return pairs.get(value, value) if isinstance(value, str) else value

    assert recoloured(light) == recoloured(recoloured(dark) and dark)


def test_importing_the_views_loads_no_heavy_package():
    modules = ["theme", "figures", "dashboard", "report", "page", "words", "summary"]
    code = (
        "import sys\n"
        + "\n".join(f"import mirante.views.{name}" for name in modules)
        + "\nprint(sorted({'plotly', 'pandas', 'mlflow', 'jinja2', 'sqlalchemy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
