"""Tables in files: every format gives the same counts, damage is one sentence, nothing is held at once."""

import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from mirante.errors import InputError
from mirante.profiles import NumericProfile, TableProfile
from mirante.sources.tables import open_table, profile_path
from mirante.sources.tables.kinds import joint_type, kind_of
from mirante.sources.tables.parquet import ParquetBatches
from mirante.sources.tables.profiling import sample_rows

ROWS = 3000


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    made = pd.DataFrame(
        {
            "age": rng.integers(18, 90, ROWS),
            "price": rng.lognormal(3, 1, ROWS).round(3),
            "city": rng.choice(["Rio", "São Paulo", "007", "a,b"], ROWS),
            "member": rng.random(ROWS) < 0.3,
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, ROWS), unit="s"),
        }
    )
    made.loc[rng.random(ROWS) < 0.1, "price"] = np.nan
    made.loc[rng.random(ROWS) < 0.1, "city"] = None
    return made


def write(frame, path):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if path.name.endswith((".csv", ".csv.gz")):
        frame.to_csv(path, index=False)
    elif path.name == "semicolons.txt":
        frame.to_csv(path, index=False, sep=";")
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t", encoding="utf-8-sig")
    elif path.suffix == ".feather":
        feather.write_feather(table, path, compression="lz4")
    elif path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=700)
    elif path.suffix == ".arrows":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=800)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        (path / "deep").mkdir(parents=True)
        for number, part in enumerate((path / "0.parquet", path / "deep" / "1.parquet")):
            pq.write_table(table.slice(number * 1200, 1200 if number == 0 else ROWS), part)
    return path


FORMATS = (
    "t.parquet",
    "t.csv",
    "t.csv.gz",
    "t.tsv",
    "semicolons.txt",
    "t.arrow",
    "t.arrows",
    "t.feather",
    "folder",
)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_counts_of_the_frame(name, frame, tmp_path):
    path = write(frame, tmp_path / name)
    table = open_table(path)
    assert dict(table.kinds) == dict(
        zip(frame.columns, ("number", "number", "text", "boolean", "time"), strict=True)
    )
    assert profile_path(path) == TableProfile.of(frame)
    baseline = TableProfile.of(frame)
    assert profile_path(path, baseline) == baseline
    assert profile_path(path, columns=["city", "age"]) == TableProfile.of(frame, columns=["city", "age"])
    some = profile_path(path, baseline, ["city", "nothere"])
    assert list(some.columns) == ["city"]
    assert some.columns["city"] == baseline.columns["city"]


def test_the_first_bytes_say_what_a_file_is(frame, tmp_path):
    path = write(frame, tmp_path / "t.parquet").rename(tmp_path / "t.csv")
    assert profile_path(path).rows == ROWS


def test_a_column_that_is_not_there_is_named(frame, tmp_path):
    path = write(frame, tmp_path / "t.csv")
    with pytest.raises(InputError, match=r"t\.csv has no column 'agee'; it has 'age', 'price', 'city'"):
        profile_path(path, columns=["agee"])


def test_the_index_that_pandas_wrote_along_is_no_column(tmp_path):
    odd = pd.DataFrame({"x": [1.0, 2.0, 3.0]})[::-1]
    odd.to_parquet(tmp_path / "t.parquet")
    odd.to_csv(tmp_path / "t.csv")
    assert list(open_table(tmp_path / "t.parquet").kinds) == ["x"]
    assert list(open_table(tmp_path / "t.csv").kinds) == ["x"]


# ---- large ones


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    rng = np.random.default_rng(5)
    rows = 260_000
    table = pa.table(
        {
            "x": np.sort(rng.normal(size=rows)),
            "level": pa.array(np.char.mod("l%d", rng.integers(0, 50, rows))).dictionary_encode(),
            "row": np.arange(rows),
        }
    )
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    pq.write_table(table, path, row_group_size=40_000)
    return path, table


def test_edges_come_from_everywhere_in_the_file_and_all_rows_are_counted(large):
    path, table = large
    profile, exact = profile_path(path), TableProfile.of(table)
    x = profile.columns["x"]
    assert profile.rows == x.n == table.num_rows
    assert (x.minimum, x.maximum) == (exact.columns["x"].minimum, exact.columns["x"].maximum)
    assert x.mean == pytest.approx(exact.columns["x"].mean, abs=1e-9)
    # sorted rows: edges from one end would leave the other end in one bin
    shares = np.diff(x.upto, prepend=0) / x.n
    assert shares.max() < 0.01
    level, whole = profile.columns["level"], exact.columns["level"]
    assert dict(zip(level.levels, level.counts.tolist(), strict=True)) == dict(
        zip(whole.levels, whole.counts.tolist(), strict=True)
    )
    assert profile_path(path) == profile, "the same file has the same profile"
    other = profile_path(path, rng=np.random.default_rng(99))
    assert not np.array_equal(other.columns["x"].edges, x.edges), "the generator draws the sample"
    assert profile_path(path, profile) == profile


@pytest.mark.parametrize("limits", [{"most_rows": 4000}, {"most_bytes": 100_000}])
def test_a_sample_is_small_even_and_in_order(large, limits):
    path, table = large
    sample = sample_rows(open_table(path), ["row", "x"], np.random.default_rng(1), **limits)
    most = limits.get("most_rows", 100_000 // 16)
    assert most / 4 <= sample.num_rows <= most
    assert sample.column_names == ["row", "x"]
    rows = sample.column("row").to_numpy()
    assert (np.diff(rows) > 0).all()
    tenths = np.bincount(rows * 10 // table.num_rows, minlength=10) / len(rows)
    assert np.abs(tenths - 0.1).max() < 0.03, "each tenth of the file has its share"


def test_a_sample_of_a_small_table_is_the_table(frame, tmp_path):
    path = write(frame, tmp_path / "t.arrow")
    sample = sample_rows(open_table(path), ["age"], np.random.default_rng(0))
    assert sample.column("age").to_pylist() == frame["age"].tolist()


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_batches_stay_small_whatever_the_file_holds(suffix, tmp_path):
    wide = pa.table({f"c{number}": np.zeros(100_000) for number in range(40)})
    path = tmp_path / f"wide.{suffix}"
    if suffix == "parquet":
        pq.write_table(wide, path)
    else:
        with pa.ipc.new_file(path, wide.schema) as writer:
            writer.write_table(wide)  # one batch
    sizes = [batch.num_rows for batch in open_table(path).read(wide.column_names)]
    assert sum(sizes) == 100_000
    assert max(sizes) <= 65_536
    if suffix == "parquet":
        assert max(sizes) * 40 * 8 <= 8 << 20


# ---- CSV


def csv_profile(text, tmp_path, like=None):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return profile_path(path, like)


def test_numbers_may_turn_fractional_after_the_first_block(tmp_path):
    rows, late = 400_000, 20_000
    text = "a,b\n" + "1,\n" * rows + "2.5,late\n" * late
    assert text.index("late") > 1 << 20
    profile = csv_profile(text, tmp_path)
    a, b = profile.columns["a"], profile.columns["b"]
    assert (a.n, a.maximum, a.unreadable) == (rows + late, 2.5, 0)
    assert (b.levels, b.n, b.missing) == (("late",), late, rows), (
        "a column without a value at first has its kind later"
    )


def test_what_is_no_number_among_numbers_is_counted(tmp_path):
    values = ["1.5", " 2", "-inf", "1e3", "NaN", "", "N/A", *["7"] * 40, "about 9", "n/k"]
    a = csv_profile("a,z\n" + "".join(f"{one},x\n" for one in values), tmp_path).columns["a"]
    assert isinstance(a, NumericProfile)
    assert (a.n, a.missing, a.unreadable) == (44, 5, 2)
    assert (a.minimum, a.maximum) == (-np.inf, 1000.0)


def test_mostly_text_is_text(tmp_path):
    profile = csv_profile("a,t\n1,True\nx,FALSE\n2,true\n", tmp_path)
    assert profile.columns["a"].levels == ("1", "2", "x")
    assert profile.columns["t"].levels == ("true", "false")


def test_moments_are_seconds_and_odd_ones_are_counted(tmp_path):
    days = [f"2024-01-{day:02}" for day in range(1, 29)]
    at = csv_profile("at\n" + "\n".join([*days, "soon"]) + "\n", tmp_path).columns["at"]
    assert (at.n, at.unreadable, at.minimum) == (28, 1, 1704067200.0)
    zoned = csv_profile("at\n2024-01-01T00:00:00+01:00\n2024-01-01 00:00:00Z\n", tmp_path).columns["at"]
    assert (zoned.minimum, zoned.maximum) == (1704063600.0, 1704067200.0)


def test_the_baseline_decides_how_text_is_read(tmp_path):
    base = TableProfile.of({"code": ["007", "7", "x"], "ok": [True, False, True], "n": ["1", "2", "x"]})
    profile = csv_profile("code,ok,n\n007,True,1\n7,false,2.0\n", tmp_path, base)
    assert dict(zip(profile.columns["code"].levels, profile.columns["code"].counts, strict=True)) == {
        "007": 1,
        "7": 1,
        "x": 0,
    }
    assert profile.columns["ok"].other == 0
    assert profile.columns["n"].other == 1, "2.0 is not the text 2"


def test_quotes_lines_in_values_and_a_bom(tmp_path):
    text = b'\xef\xbb\xbf"na,me";b\n"two\nlines";1\n"a;b";2\n'
    profile = csv_profile(text, tmp_path)
    assert list(profile.columns) == ["na,me", "b"]
    assert profile.columns["na,me"].levels == ("a;b", "two\nlines")
    rows, long = 60_000, "x\n" + "y" * 40
    many = csv_profile("a,b\n" + f'"{long}",1\n' * rows, tmp_path)  # blocks end within a value
    assert (many.rows, many.columns["a"].levels) == (rows, (long,))


# ---- folders


def test_folders_give_columns_and_hidden_files_do_not_count(frame, tmp_path):
    for month, part in ((1, frame[:1000]), (2, frame[1000:])):
        place = tmp_path / f"month={month}" / "place=a%20b"
        place.mkdir(parents=True)
        part.to_parquet(place / "part.parquet", index=False)
    (tmp_path / "_temporary").mkdir()
    for odd in ("_SUCCESS", ".part.parquet.crc", "_temporary/x.parquet", "README.md"):
        (tmp_path / odd).write_text("no table")
    profile = profile_path(tmp_path)
    assert profile.rows == ROWS
    month, place = profile.columns["month"], profile.columns["place"]
    assert (month.minimum, month.mean, month.maximum) == (1.0, pytest.approx(5 / 3), 2.0)
    assert (place.levels, place.counts.tolist()) == (("a b",), [ROWS])
    assert list(profile_path(tmp_path, columns=["month"]).columns) == ["month"]


def test_files_may_differ_in_width_and_in_columns(tmp_path):
    pq.write_table(pa.table({"x": pa.array([1, 2], pa.int8()), "y": ["a", "b"]}), tmp_path / "0.parquet")
    dictionary = pa.array(["a", "c"]).dictionary_encode()
    pq.write_table(pa.table({"x": [0.5], "z": [1.0]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"x": pa.nulls(2), "y": dictionary}), tmp_path / "2.parquet")
    pq.write_table(pa.table({"z": [1.0, 2.0]}), tmp_path / "3.parquet")
    profile = profile_path(tmp_path)
    x, y, z = (profile.columns[name] for name in "xyz")
    assert profile.rows == 7
    assert (x.n, x.missing, x.minimum) == (3, 4, 0.5)
    assert y.missing == 3
    assert dict(zip(y.levels, y.counts, strict=True)) == ({"a": 2, "b": 1, "c": 1})
    assert (z.n, z.missing) == (3, 4)
    only = profile_path(tmp_path, columns=["y"])
    assert (only.rows, only.columns["y"]) == (7, y)


def test_files_that_contradict_each_other_are_named(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"x": ["one"]}), tmp_path / "1.parquet")
    with pytest.raises(
        InputError, match=r"'x' is int64 in .*0\.parquet and string in .*1\.parquet; write all"
    ):
        open_table(tmp_path)


# ---- what cannot be read


def cut(good, path, size):
    path.write_bytes(good.read_bytes()[:-size])


DAMAGE = {
    "cut.parquet": lambda path, frame: cut(write(frame, path), path, 100),
    "words.parquet": lambda path, frame: path.write_text("no table at all"),
    "empty.csv": lambda path, frame: path.touch(),
    "header.csv": lambda path, frame: path.write_text("a,b\n"),
    "none.parquet": lambda path, frame: write(frame[:0], path),
    "latin.csv": lambda path, frame: path.write_bytes("a\nSão Paulo\n".encode("latin-1")),
    "ragged.csv": lambda path, frame: path.write_text("a,b\n1,2\n1,2,3\n"),
    "twice.csv": lambda path, frame: path.write_text("a,a\n1,2\n"),
    "twice.parquet": lambda path, frame: pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path),
    "cut.arrow": lambda path, frame: cut(write(frame, path), path, 20),
    "cut.arrows": lambda path, frame: cut(write(frame, path), path, 50),
    "old.feather": lambda path, frame: path.write_bytes(b"FEA1" + b"\0" * 40 + b"FEA1"),
    "folder": lambda path, frame: (path / "sub.csv").mkdir(parents=True),
    "delta": lambda path, frame: (path / "_delta_log").mkdir(parents=True),
    "pipe": lambda path, frame: os.mkfifo(path),
}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("cut.parquet", "cannot be read: "),
        ("words.parquet", "none of the formats that are read: Parquet, CSV, Arrow"),
        ("empty.csv", "is empty"),
        ("header.csv", "has no rows"),
        ("none.parquet", "has no rows"),
        ("latin.csv", "cannot be read: .*UTF8"),
        ("ragged.csv", "cannot be read: .*Expected 2 columns, got 3"),
        ("twice.csv", "has the column 'a' more than once"),
        ("twice.parquet", "has the column 'a' more than once"),
        ("cut.arrow", "cannot be read: "),
        ("cut.arrows", "cannot be read: "),
        ("old.feather", "none of the formats"),
        ("folder", "holds no Parquet file"),
        ("delta", "is a Delta table"),
        ("pipe", "neither a file nor a folder"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(case, said, frame, tmp_path):
    path = tmp_path / case
    DAMAGE[case](path, frame)
    with pytest.raises(InputError, match=said) as caught:
        profile_path(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_arrow_file_never_ends_the_process(frame, tmp_path):
    good = bytearray(write(frame[["city"]], tmp_path / "good.arrow").read_bytes())
    rng = np.random.default_rng(8)
    path = tmp_path / "bad.arrow"
    refused = 0
    for _ in range(60):
        bad = good.copy()
        for place in rng.integers(8, len(bad) - 8, 4):
            bad[place] = rng.integers(0, 256)
        path.write_bytes(bad)
        try:
            profile_path(path)
        except InputError:
            refused += 1
    assert refused > 10


def test_a_folder_that_is_gone_in_between_is_an_error(frame, tmp_path):
    table = open_table(write(frame, tmp_path / "folder"))
    shutil.rmtree(tmp_path / "folder")
    with pytest.raises(InputError, match="cannot be read"):
        list(table.read(["age"]))


# ---- kinds


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (pa.float16(), "number"),
        (pa.decimal128(10, 2), "number"),
        (pa.time64("us"), "number"),
        (pa.duration("s"), "number"),
        (pa.large_string(), "text"),
        (pa.string_view(), "text"),
        (pa.binary(4), "text"),
        (pa.uuid(), "text"),
        (pa.bool_(), "boolean"),
        (pa.timestamp("ns", "UTC"), "time"),
        (pa.dictionary(pa.int8(), pa.int64()), "category"),
        (pa.null(), "nothing"),
        (pa.struct([("a", pa.int8())]), "other"),
        (pa.map_(pa.string(), pa.int8()), "other"),
    ],
)
def test_kinds_of_types(kind, name):
    assert kind_of(kind) == name


def test_types_of_one_kind_have_a_joint_type():
    assert joint_type({pa.int8()}) == pa.int8()
    assert joint_type({pa.null()}) == pa.null()
    assert joint_type({pa.date32(), pa.timestamp("s")}) == pa.timestamp("us")
    assert joint_type({pa.string(), pa.dictionary(pa.int8(), pa.string())}) == pa.large_string()
    assert joint_type({pa.list_(pa.int8()), pa.list_(pa.int16())}) is None
    assert joint_type({pa.int8(), pa.date32()}) is None


def test_a_column_of_lists_is_not_read_unless_it_is_asked_for(tmp_path):
    pq.write_table(pa.table({"x": [1.0, 2.0], "l": [[1], [2]]}), tmp_path / "t.parquet")
    assert open_table(tmp_path / "t.parquet").kinds == {"x": "number", "l": "other"}
    assert profile_path(tmp_path / "t.parquet", columns=["x"]).rows == 2
    with pytest.raises(InputError, match="column 'l' holds list"):
        profile_path(tmp_path / "t.parquet")
    batches = ParquetBatches([tmp_path / "t.parquet"], tmp_path).read(["x"])
    assert [batch.schema.names for batch in batches] == [["x"]]
