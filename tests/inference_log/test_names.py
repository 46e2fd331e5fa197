import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.inference_log.names import make_named_folder, name_of, quote_name

HOSTILE = [
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "nul\x00byte",
    "x" * 300,
    "ã" * 100,
    "..",
    ".",
    "",
    "_hidden",
    "%",
    "%h",
    "50%",
    "\ud800",
    "Previsão de atraso",
    "a\nb",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_below_its_parent_and_comes_back(tmp_path, name):
    folder = make_named_folder(tmp_path, name)
    assert folder.resolve().parent == tmp_path.resolve()
    assert len(folder.name) <= 200
    assert folder.name[0] not in "._"
    assert name_of(folder) == name


@given(st.lists(st.text(st.characters(exclude_categories=[])), unique=True, max_size=5))
def test_different_names_have_different_folders(names):
    assert len({quote_name(name) for name in names}) == len(names)


@pytest.mark.parametrize("folder", ["a b", "%zz", "%2e", "a%2fb", "%ff", "x%hffff"])
def test_a_folder_of_someone_else_is_no_name(tmp_path, folder):
    (tmp_path / folder).mkdir()
    assert name_of(tmp_path / folder) is None
