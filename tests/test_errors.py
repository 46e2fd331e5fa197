"""The exception tree, and the door to optional packages."""

import pytest

from mirante import errors
from mirante.errors import DeliveryError, MiranteError, MiranteWarning, MissingDependencyError, need


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.endswith("Error")])
def test_one_root_catches_all(name):
    assert issubclass(getattr(errors, name), MiranteError)


@pytest.mark.parametrize(
    ("ours", "builtin"),
    [
        ("InputError", ValueError),
        ("ConfigError", ValueError),
        ("NotFittedError", RuntimeError),
        ("MissingDependencyError", ImportError),
    ],
)
def test_callers_who_know_only_pythons_own_errors_catch_them_too(ours, builtin):
    assert issubclass(getattr(errors, ours), builtin)


def test_the_warning_can_be_filtered_as_a_users():
    assert issubclass(MiranteWarning, UserWarning)
    assert not issubclass(MiranteWarning, MiranteError)


def test_a_delivery_error_carries_its_verdict():
    error = DeliveryError("the server said no")
    assert (str(error), error.reason, error.retry, error.retry_after) == (
        "the server said no",
        "the server said no",
        False,
        None,
    )


def test_an_absent_package_names_the_extra():
    with pytest.raises(MissingDependencyError, match=r"'no_such_package'.*pip install 'mirante\[demo\]'"):
        need("no_such_package", extra="demo")


def test_an_absent_parent_counts_as_the_package():
    with pytest.raises(MissingDependencyError, match=r"'no_such_package\.part'"):
        need("no_such_package.part", extra="demo")


def test_a_package_that_is_broken_inside_is_not_called_absent(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import what_it_lacks\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_lacks") as caught:
        need("broken_inside", extra="demo")
    assert not isinstance(caught.value, MissingDependencyError)
