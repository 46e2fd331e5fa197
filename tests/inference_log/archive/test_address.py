import subprocess
import sys
from pathlib import Path

import pytest

from mirante.errors import ArchiveError, InputError, MissingDependencyError
from mirante.inference_log.archive.address import archive_name, checked_address, file_system, scrubbed

SECRET = "wJalrXUtnFEMI/K7MDENG"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://AKIAKEY:{SECRET}@bucket/log?region=eu-west-1",
        f"s3://AKIAKEY:{SECRET.replace('/', '%2F')}@bucket/log",
        f"s3://AKIAKEY:{SECRET}?#@bucket/log",
        f"s3://AKIAKEY:?{SECRET}@bucket/log",
        f"abfs://files@account.dfs.core.windows.net/log?account_key={SECRET}",
        f"s3://bucket/log?a=b@{SECRET}",
        f"gs://bucket/log#{SECRET}",
    ],
)
def test_a_name_and_an_error_never_hold_a_secret(url):
    with pytest.raises(ArchiveError) as caught:  # whoever is asked refuses the address, and repeats it
        file_system(url.replace("://", "://a b/"))
    texts = [archive_name(url), str(caught.value)]
    texts.append(scrubbed(OSError(f"no: {url} and {SECRET}"), url))
    for text in texts:
        assert "K7MDENG" not in text
        assert "AKIAKEY" not in text


def test_what_an_archive_may_be():
    for good in ("s3://bucket", "gs://bucket/a b", "file:///mnt/nas", "/mnt/nas", "memory://x"):
        assert checked_address(good) == good
    for bad in ("", "bucket/log", "s3://", "s3:///", "/", "s3:bucket"):
        with pytest.raises(InputError, match="the archive is no URL"):
            checked_address(bad)


def test_a_folder_and_deadlines(tmp_path):
    system, base = file_system(f"file://{tmp_path}/a%20b/")
    assert (system.type_name, base) == ("local", f"{tmp_path}/a b")
    assert file_system(str(tmp_path))[1] == str(tmp_path)
    system, base = file_system("s3://key:secret@bucket/log/?endpoint_override=127.0.0.1:1&region=us-east-1")
    assert (system.type_name, base) == ("s3", "bucket/log")
    _, (options,) = system.__reduce__()
    assert (options["connect_timeout"], options["access_key"], options["allow_delayed_open"]) == (
        5.0,
        "key",
        True,
    )


def test_without_fsspec_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mirante\[fsspec\]'"):
        file_system("memory://log")


def test_fsspec_takes_what_arrow_does_not_know(tmp_path):
    pytest.importorskip("fsspec")
    system, base = file_system("memory://log/here")
    assert system.type_name.startswith("py::fsspec+memory")
    with pytest.raises(ArchiveError, match="cannot be opened with fsspec"):
        file_system("nobodyknows://log")
    assert base.endswith("log/here")


def test_it_costs_nothing_to_import_and_s3_ends_with_the_process(tmp_path):
    program = """
import sys, mirante
assert "pyarrow" not in sys.modules
from mirante.inference_log.archive.address import file_system
system, base = file_system("s3://key:secret@bucket/log?endpoint_override=127.0.0.1:1&region=us-east-1&scheme=http")
try:
    system.get_file_info(base)
except OSError:
    print("away")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[3] / "src"), "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "away\n", "")
