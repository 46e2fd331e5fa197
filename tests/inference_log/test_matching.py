import pyarrow as pa
import pytest

from mirante.inference_log.canonical import spellings
from mirante.inference_log.matching import by_digest, by_text

COLUMNS = [
    (pa.array([7, 8, None]), [True, False, False]),
    (pa.array([7.0, 7.5, None]), [True, False, False]),
    (pa.array(["7", "x", None]), [True, False, False]),
    (pa.array([True, False, None]), [False, False, False]),
    (pa.nulls(3), [False, False, False]),
    (pa.array([], pa.string()), []),
]


@pytest.mark.parametrize(("column", "expected"), COLUMNS)
def test_texts_and_digests_find_the_same(column, expected):
    chunked = pa.chunked_array([column])
    assert by_text(spellings("7"))(chunked).tolist() == expected
    digest = "of {}".format
    assert by_digest({digest(text) for text in spellings("7")}, digest)(chunked).tolist() == expected
