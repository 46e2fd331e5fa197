"""The monitor: levels hold, power is there, odd windows do no harm, sentences can be read."""

import warnings
from datetime import datetime, timedelta

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.errors import ConfigError, InputError
from mirante.profiles import TableProfile

NUMERIC = {
    "ks",
    "wasserstein",
    "psi",
    "jensenshannon",
    "hellinger",
    "total_variation",
    "p_value",
    "effect",
    "detected",
}
CATEGORICAL = {
    "chi2",
    "l_infinity",
    "psi",
    "jensenshannon",
    "hellinger",
    "total_variation",
    "p_value",
    "effect",
    "detected",
}


def table(rng, n, *, shift=0.0, mix=0.0, missing=0.02):
    values = rng.normal(shift, 1, n)
    return {
        "normal": np.where(rng.random(n) < missing, np.nan, values),
        "skewed": rng.lognormal(0, 1, n),
        "zeros": np.where(rng.random(n) < 0.6, 0.0, rng.random(n)),
        "rare": (rng.random(n) < 0.02).astype(float),
        "letter": rng.choice(
            list("abcde"), n, p=np.array([0.4, 0.3, 0.15, 0.1, 0.05]) + mix * np.array([-1, 1, 0, 0, 0])
        ),
        "flag": rng.random(n) < 0.3,
    }


@pytest.fixture(scope="module")
def base():
    return TableProfile.of(table(np.random.default_rng(0), 5000))


@pytest.fixture(scope="module")
def monitor(base):
    return DriftMonitor(base, alarm_budget="1 in 100 windows")


def judge(monitor, data):
    return monitor.update(TableProfile.of(data, like=monitor.baseline))


def test_false_alarms_among_independent_rows_stay_within_the_budget(monitor):
    rng = np.random.default_rng(1)
    verdicts = [judge(monitor, table(rng, 500)) for _ in range(300)]
    alarms = sum(bool(v.drifted or v.missing_columns) for v in verdicts)
    assert alarms <= 9  # 1 % of 300, and three standard errors


def test_shifts_are_found_where_they_are(monitor):
    rng = np.random.default_rng(2)
    found = [judge(monitor, table(rng, 500, shift=0.35)) for _ in range(40)]
    assert sum(v.columns["normal"].drifted for v in found) >= 38
    mixed = [judge(monitor, table(rng, 500, mix=0.15)) for _ in range(40)]
    assert sum(v.columns["letter"].drifted for v in mixed) >= 38
    gaps = [judge(monitor, table(rng, 500, missing=0.08)) for _ in range(40)]
    assert sum(v.columns["normal"].missing_detected for v in gaps) >= 36
    assert sum(v.columns["normal"].drifted for v in gaps) == 0


def test_many_rows_do_not_alarm_on_what_does_not_matter(base):
    monitor = DriftMonitor(base, alarm_budget="1 in 5 windows")
    rng = np.random.default_rng(3)
    verdict = judge(monitor, table(rng, 50_000, shift=0.01))
    assert not verdict.drifted
    strict = DriftMonitor(base, alarm_budget="1 in 5 windows", floor={"normal": 0.0})
    assert strict.floor_of("letter") == 0.03
    assert judge(strict, table(rng, 50_000, shift=0.2)).columns["normal"].drifted


def days(rng, count, effect, start=0):
    out = []
    for _ in range(count):
        n = int(rng.integers(400, 600))
        move = rng.normal(0, effect, 3)
        share = np.clip(0.3 + move[2] * 0.2, 0.02, 0.98)
        out.append(
            {
                "x": rng.normal(move[0], 1, n),
                "y": rng.normal(0, np.exp(move[1]), n),
                "c": rng.choice(["a", "b", "c"], n, p=[share, (1 - share) * 0.6, (1 - share) * 0.4]),
            }
        )
    return out


def own_monitor(rng, effect, **options):
    own = days(rng, 31, effect)
    base = TableProfile.of({k: np.concatenate([d[k] for d in own]) for k in own[0]})
    windows = [TableProfile.of(d, like=base) for d in own]
    return DriftMonitor(base, own_windows=windows, **options)


@pytest.mark.parametrize("effect", [0.0, 0.2, 0.5])
def test_days_that_differ_do_not_alarm_when_the_baselines_own_did(effect):
    rng = np.random.default_rng(int(effect * 10))
    alarms = blind = total = 0
    for _ in range(6):
        monitor = own_monitor(rng, effect, alarm_budget="1 in 100 windows")
        plain = DriftMonitor(monitor.baseline, alarm_budget="1 in 100 windows")
        for day in days(rng, 25, effect):
            alarms += judge(monitor, day).drifted
            blind += judge(plain, day).drifted
            total += 1
    assert alarms / total < 0.03
    assert effect == 0.0 or blind / total > 0.5


def test_a_day_far_beyond_the_others_is_found():
    rng = np.random.default_rng(5)
    monitor = own_monitor(rng, 0.2, alarm_budget="1 in 100 windows")
    far = days(rng, 1, 0.0)[0]
    far["x"] = far["x"] + 2.0
    far["c"] = np.array(["a"] * 30 + ["b"] * (far["c"].size - 30))
    verdict = judge(monitor, far)
    assert verdict.columns["x"].drifted
    assert verdict.columns["c"].drifted
    assert not verdict.columns["y"].drifted
    assert verdict.drift_share == pytest.approx(2 / 3)
    assert verdict.drifted_columns == ("x", "c")


def test_the_verdict_agrees_with_its_own_limit():
    rng = np.random.default_rng(6)
    for monitor in (own_monitor(rng, 0.2), DriftMonitor(own_monitor(rng, 0.0).baseline)):
        for day in days(rng, 40, 0.35):
            for column in judge(monitor, day).columns.values():
                if column.score in ("ks", "total_variation", "chi2") and column.effect > 0.03:
                    agreed = column.drifted == (column.value > column.threshold)
                    assert agreed or abs(column.value / column.threshold - 1) < 0.02, column.sentence


def test_scores_of_each_kind_are_all_there(monitor):
    verdict = judge(monitor, table(np.random.default_rng(7), 300))
    assert set(verdict.columns["normal"].scores) == NUMERIC
    assert set(verdict.columns["letter"].scores) == CATEGORICAL
    for column in verdict.columns.values():
        assert all(np.isfinite(value) for value in column.scores.values())
        assert type(column.drifted) is bool
        assert type(column.missing_detected) is bool


def test_wasserstein_is_in_standard_deviations_of_the_baseline():
    values = np.random.default_rng(1).normal(100, 20, 3000)
    monitor = DriftMonitor(TableProfile.of({"x": values}))
    assert judge(monitor, {"x": values + 30}).columns["x"].scores["wasserstein"] == pytest.approx(
        30 / values.std(), rel=1e-3
    )
    assert judge(monitor, {"x": values}).columns["x"].scores["wasserstein"] == 0.0


def test_sentences_say_what_moved_how_far_and_on_how_many_rows(monitor):
    rng = np.random.default_rng(8)
    moved = judge(monitor, table(rng, 500, shift=1.0, mix=0.3, missing=0.5))
    said = moved.columns["normal"].sentence
    assert said.startswith("normal moved: KS distance 0.")
    assert "(limit 0." in said
    assert "median -0.0" in said
    assert "rows against 4," in said
    assert said.endswith(".")
    assert moved.columns["letter"].direction.startswith(("a: 40 % -> ", "b: 3"))
    assert "letter moved: chi-squared" in moved.columns["letter"].sentence
    assert "normal: missing values rose to" in moved.columns["normal"].missing_sentence
    calm = judge(monitor, table(rng, 500))
    assert "normal is steady: KS distance" in calm.columns["normal"].sentence
    assert "too few rows to see less than 0." in calm.columns["normal"].sentence


def test_a_shift_that_only_ranks_see_says_so():
    rng = np.random.default_rng(9)
    monitor = DriftMonitor(TableProfile.of({"x": rng.normal(size=20_000)}), alarm_budget="1 in 100 windows")
    found = [judge(monitor, {"x": rng.normal(0.125, 1, 1000)}).columns["x"] for _ in range(60)]
    ranks = [one for one in found if one.score == "superiority"]
    assert ranks
    assert all(one.drifted and one.value > one.threshold > 0.5 for one in ranks)
    assert "of pairs its value is larger than the baseline's (limit 5" in ranks[0].sentence


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10])
def test_tiny_windows_do_not_crash_warn_or_alarm(base, n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for monitor in (DriftMonitor(base), own_monitor(np.random.default_rng(1), 0.3)):
            rng = np.random.default_rng(n)
            data = (
                table(rng, n, missing=0.0)
                if "normal" in monitor.baseline.columns
                else {"x": rng.normal(size=n), "y": rng.normal(size=n), "c": np.array(["a"] * n)}
            )
            verdict = judge(monitor, data)
            assert not verdict.drifted
            assert verdict.rows == n
            for column in verdict.columns.values():
                assert column.sentence
                assert column.missing_sentence
                if n == 0:
                    assert "cannot be judged: the window has no values" in column.sentence
                    assert np.isnan(column.effect)
    if n == 1:
        assert (
            "too few rows to see any shift"
            in judge(DriftMonitor(base), table(rng, 1)).columns["skewed"].sentence
        )


def test_constants_and_columns_of_nothing():
    base = TableProfile.of(
        {"five": [5.0] * 100, "nothing": [None] * 100, "same": ["a"] * 100, "inf": [np.inf] * 100}
    )
    monitor = DriftMonitor(base)
    calm = judge(
        monitor, {"five": [5.0] * 50, "nothing": [None] * 50, "same": ["a"] * 50, "inf": [np.inf] * 50}
    )
    assert not calm.drifted
    assert not calm.missing_columns
    assert "the baseline has no values" in calm.columns["nothing"].sentence
    moved = judge(
        monitor, {"five": [4.0] * 50, "nothing": [1.0] * 50, "same": ["b"] * 50, "inf": [None] * 50}
    )
    assert set(moved.drifted_columns) == {"five", "same"}
    assert set(moved.missing_columns) == {"nothing", "inf"}
    assert moved.columns["same"].new_category_ratio == 1.0
    assert moved.columns["same"].direction == "a: 100 % -> 0 %"
    assert "fell to 0 %" in moved.columns["nothing"].missing_sentence
    assert moved.columns["five"].scores["psi"] > 1


def test_texts_in_a_numeric_column_are_named_in_the_sentence(monitor):
    data = table(np.random.default_rng(1), 200)
    data["normal"] = ["odd"] * 100 + [0.0] * 100
    column = judge(monitor, data).columns["normal"]
    assert column.missing_detected
    assert "100 values are no number" in column.missing_sentence


def test_many_levels_are_judged_by_what_can_be_seen():
    rng = np.random.default_rng(3)
    names = np.array([f"id{i}" for i in range(20_000)])
    base = TableProfile.of({"id": rng.choice(names, 50_000)})
    assert base.columns["id"].other > 0
    monitor = DriftMonitor(base, alarm_budget="1 in 100 windows")
    assert not any(judge(monitor, {"id": rng.choice(names, 500)}).drifted for _ in range(30))
    often = monitor.baseline.columns["id"].levels[9]
    spike = judge(monitor, {"id": np.r_[rng.choice(names, 200), [often] * 300]})
    assert spike.drifted
    assert spike.columns["id"].effect == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("own", [False, True])
def test_a_category_replaced_by_a_new_one_is_seen(own):
    rng = np.random.default_rng(2)
    parts = [{"c": rng.choice(["a", "b", "c"], 500, p=[0.6, 0.3, 0.1])} for _ in range(20)]
    base = TableProfile.of({"c": np.concatenate([part["c"] for part in parts])})
    windows = [TableProfile.of(part, like=base) for part in parts] if own else []
    monitor = DriftMonitor(base, own_windows=windows)
    calm = judge(monitor, {"c": rng.choice(["a", "b", "c"], 500, p=[0.6, 0.3, 0.1])})
    assert not calm.drifted
    renamed = rng.choice(["a", "b", "C"], 500, p=[0.6, 0.3, 0.1])
    column = judge(monitor, {"c": renamed}).columns["c"]
    assert column.drifted
    assert column.new_category_ratio == pytest.approx(0.1, abs=0.04)
    assert column.effect == pytest.approx(0.1, abs=0.04)


def test_bytes_and_back_judge_alike():
    rng = np.random.default_rng(4)
    monitor = own_monitor(rng, 0.2, alarm_budget="2 per 1w", window="6h", floor={"x": 0.1})
    again = DriftMonitor.from_bytes(monitor.to_bytes())
    assert (again.alarm_budget, again.window, again.floor, again.level) == (
        "2 per 1w",
        "6h",
        {"x": 0.1},
        monitor.level,
    )
    window = TableProfile.of(days(rng, 1, 0.5)[0], like=monitor.baseline)
    assert again.update(window) == monitor.update(window)


@pytest.mark.parametrize("data", [b"", b"MRDM", b"nothing of the kind", b"MRDM\x09\x00\x00\x00\x00"])
def test_bytes_that_are_no_monitor(data):
    with pytest.raises(InputError):
        DriftMonitor.from_bytes(data)


def test_cut_bytes_are_refused(monitor):
    data = monitor.to_bytes()
    for keep in (10, 60, len(data) // 2, len(data) - 1):
        with pytest.raises(InputError):
            DriftMonitor.from_bytes(data[:keep])


def weeks(rng, count):
    """Days of which Saturdays and Sundays are another world."""
    start = datetime(2013, 1, 7)
    days = [rng.normal(2.0 if day % 7 > 4 else 0.0, 1, 300) for day in range(count)]
    return days, [start + timedelta(days=day) for day in range(count)]


def test_four_weeks_make_a_weekday_its_own_baseline():
    rng = np.random.default_rng(0)
    days, starts = weeks(rng, 28)
    base = TableProfile.of({"x": np.concatenate(days)})
    own = [TableProfile.of({"x": day}, like=base) for day in days]
    monitor = DriftMonitor(base, own_windows=own, own_starts=starts, alarm_budget="1 in 100 windows")
    saturday = TableProfile.of({"x": rng.normal(2.0, 1, 300)}, like=base)
    assert not monitor.update(saturday, datetime(2013, 2, 9)).drifted
    monday = monitor.update(saturday, datetime(2013, 2, 11)).columns["x"]
    assert monday.drifted
    assert monday.n_baseline == 4 * 300
    again = DriftMonitor.from_bytes(monitor.to_bytes())
    assert again.update(saturday, datetime(2013, 2, 11)).drifted
    with pytest.raises(InputError, match="27 own_starts for 28 own_windows; give one each"):
        DriftMonitor(base, own_windows=own, own_starts=starts[1:])


@pytest.mark.parametrize("kind", ["sliding 4", "previous"])
def test_a_rolling_baseline_alarms_at_a_jump_and_then_is_used_to_it(kind):
    rng = np.random.default_rng(1)
    base = TableProfile.of({"x": rng.normal(size=2_000)})
    monitor = DriftMonitor(base, kind=kind, alarm_budget="1 in 1000 windows")
    found = [
        monitor.update(
            TableProfile.of({"x": rng.normal(0.0 if day < 10 else 1.0, 1, 500)}, like=base)
        ).drifted
        for day in range(24)
    ]
    assert not any(found[:10])
    assert found[10]
    assert not any(found[15:])
    assert monitor.memory == (4 if kind == "sliding 4" else 1)


def test_a_seasonal_baseline_knows_the_weekend():
    rng = np.random.default_rng(3)
    days, starts = weeks(rng, 42)
    base = TableProfile.of({"x": np.concatenate(days)})
    profiles = [TableProfile.of({"x": day}, like=base) for day in days]
    monitor = DriftMonitor(
        base,
        own_windows=profiles[:28],
        own_starts=starts[:28],
        kind="seasonal 2",
        alarm_budget="1 in 100 windows",
    )
    assert not any(monitor.update(*pair).drifted for pair in zip(profiles[28:], starts[28:], strict=True))
    sunday = datetime(2013, 2, 24)
    assert monitor.update(profiles[0], sunday).drifted
    assert monitor.memory == 14


def test_a_window_of_another_baseline_is_refused(monitor):
    with pytest.raises(InputError, match="the window was not counted with this baseline"):
        monitor.update(TableProfile.of(table(np.random.default_rng(1), 100)))
    with pytest.raises(InputError, match="an own window"):
        DriftMonitor(monitor.baseline, own_windows=[TableProfile.of({"x": [1.0]})])
    with pytest.raises(ConfigError, match="no alarm budget"):
        DriftMonitor(monitor.baseline, alarm_budget="seldom")
    with pytest.raises(ConfigError, match="no kind of baseline"):
        DriftMonitor(monitor.baseline, kind="weekly")
