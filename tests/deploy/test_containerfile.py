"""The image: built nowhere in these tests, so what can be wrong in its file is looked for one by one."""

import json
import re

from packaging.requirements import Requirement

from mirante.capture.serve.launcher import ServeSettings
from mirante.web.config import WebConfig
from tests.deploy.files import DEPLOY, ROOT, USER, check_command, check_path, check_variable, extras

TEXT = (DEPLOY / "Containerfile").read_text("utf-8")
KNOWN = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "STOPSIGNAL", "USER",
    "VOLUME", "WORKDIR",
}  # fmt: skip


def instructions():
    text = re.sub(r"^#.*\n", "", TEXT, flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def of(name):
    return [rest for word, rest in instructions() if word == name]


def last(name):
    return of(name)[-1]


def test_only_known_instructions_and_every_argument_is_declared():
    assert {word for word, _ in instructions()} <= KNOWN
    stages = TEXT.split("\nFROM ")
    common = set(re.findall(r"^ARG (\w+)", stages[0], re.M))
    for stage in stages[1:]:
        declared = set(re.findall(r"^ARG (\w+)", stage, re.M))
        assert set(re.findall(r"\$\{(\w+)", stage.partition("\n")[2])) <= declared
        assert set(re.findall(r"\$\{(\w+)", stage.partition("\n")[0])) <= common


def test_the_base_is_pinned_and_fits_the_package():
    image = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", TEXT, re.M)[1]
    version = re.fullmatch(r"docker\.io/library/python:3\.(\d+)-slim-\w+", image)
    assert int(version[1]) >= 11
    assert {rest.split()[0] for rest in of("FROM")} == {"${PYTHON_IMAGE}"}


def test_extras_exist_and_pins_are_of_packages_that_it_needs():
    asked = re.search(r"^ARG MIRANTE_EXTRAS=(\S+)$", TEXT, re.M)[1]
    named = {name for found in re.findall(r"MIRANTE_EXTRAS=(\S+)", TEXT) for name in found.split(",")}
    assert asked == "postgres"
    assert named <= extras()
    lines = (DEPLOY / "constraints.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    needed = project.partition("\ndependencies = ")[2].partition("\napprise = ")[0]
    needed = re.sub(r"^demo = .*\n", "", needed, flags=re.M)
    for text in re.findall(r'"([A-Za-z][\w.-]*(?:\[\w+\])?[<>=!][^"]*)"', needed):
        wanted = Requirement(text)
        pin = next((one for one in pins if one.name.lower() == wanted.name.lower()), None)
        assert pin is not None, f"{wanted.name} has no pin"
        assert wanted.specifier.contains(str(pin.specifier).removeprefix("=="), prereleases=True), (
            wanted,
            pin,
        )


def test_what_is_copied_is_there_and_not_kept_out():
    let_in = (ROOT / ".containerignore").read_text("utf-8")
    for rest in of("COPY"):
        words = rest.split()
        if words[0].startswith("--from="):
            assert words[0] == "--from=build"
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}\n" in let_in, source


def test_it_runs_as_somebody_and_ends_on_the_signal_that_the_service_knows():
    assert f"ARG MIRANTE_UID={USER}" in TEXT
    assert last("USER") == "${MIRANTE_UID}"
    assert last("STOPSIGNAL") == "SIGTERM"
    names = [word for word, _ in instructions()]
    assert "RUN" not in names[names.index("USER") :]


def test_entry_command_variables_and_port_exist():
    entry, command = json.loads(last("ENTRYPOINT")), json.loads(last("CMD"))
    assert entry == ["mirante"]
    check_command(command)
    assert last("EXPOSE") == str(WebConfig().port)
    assert ServeSettings("", ROOT).port != WebConfig().port
    for name in re.findall(r"(\w+)=", last("ENV")):
        check_variable(name)


def test_the_check_of_health_needs_python_alone_and_asks_for_what_wants_no_token():
    found = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert found[:2] == ["python", "-c"]
    compile(found[2], "healthcheck", "exec")
    port, path = re.search(r"http://127\.0\.0\.1:(\d+)([^']*)'", found[2]).groups()
    assert int(port) == WebConfig().port
    check_path(path, served=False)


def test_what_is_kept_is_on_a_volume():
    assert json.loads(last("VOLUME")) == ["/var/lib/mirante"]
    assert last("WORKDIR") == "/var/lib/mirante"
