import numpy as np

from mirante.inference_log.rewriting import rewrite
from mirante.inference_log.sealed import SealedFile
from mirante.inference_log.sealing import write_sealed
from tests.inference_log.rows import ids, rows


def test_the_other_rows_keep_their_numbers_and_what_went_adds_up(tmp_path):
    path, target = tmp_path / "s.parquet", tmp_path / "t.parquet"
    groups = [(0, rows(range(4)), ()), (4, rows(range(4, 6)), ())]
    write_sealed(path, rows([1]).schema, groups, beside=tmp_path / "x")
    rewrite(SealedFile(path), {0: np.array([True, False, True, False])}, "one", target)
    once = SealedFile(target)
    assert [(piece.first, piece.rows, piece.gaps) for piece in once.pieces] == [(0, 2, (0, 2)), (4, 2, ())]
    rewrite(once, {0: np.array([False, True]), 1: np.array([True, True])}, "two", target)
    twice = SealedFile(target)
    assert twice.deleted == {"one": 2, "two": 3}
    assert [(ids(table), piece.number_at(0)) for piece, table in twice.load(twice.pieces)] == [(["id1"], 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.parquet", "t.parquet"]
