"""Bits that flip in a log's files, sealed and open: told by file and batch, and the rest is read."""

import os
import random
import re

from mirante.capture.recorder import Recorder
from mirante.inference_log.reader import InferenceLog

FLIPS = int(os.environ.get("MIRANTE_KILLS", "10")) * 10
SEED = int(os.environ.get("MIRANTE_SEED", "20130208"))
BATCH, BATCHES = 50, 20


def test_a_flipped_bit_is_told_by_file_and_batch_and_the_rest_is_read(tmp_path):
    chance = random.Random(SEED)
    with Recorder("m", tmp_path, segment_rows=BATCH * BATCHES // 2, flush_interval=60) as recorder:
        for number in range(BATCHES * BATCH * 3 // 4):
            recorder.log({"x": chance.random(), "text": f"t{number}"}, number, id=f"r{number}")
            if number % BATCH == BATCH - 1:
                assert recorder.flush(20)
        files = sorted(path for path in tmp_path.rglob("*") if path.suffix in {".arrow", ".parquet"})
        assert {path.suffix for path in files} == {".arrow", ".parquet"}, "one sealed, one open"
        whole = rows_of(tmp_path)
        assert len(whole) == BATCHES * BATCH * 3 // 4
        told = dict.fromkeys([".arrow", ".parquet"], 0)
        lost = 0
        for flip in range(FLIPS):
            path = files[flip % len(files)]
            data = path.read_bytes()
            place = chance.randrange(len(data))
            changed = bytearray(data)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            log = InferenceLog(tmp_path)
            got = log.scan("m").to_pylist()
            found = {row["__id"]: row for row in got}
            assert len(found) == len(got)
            assert all(whole[name] == row for name, row in found.items()), "what is read is as it was"
            damage = [*log.damage, *map(str, log.verify())]
            if damage:
                told[path.suffix] += 1
                assert any(path.name in str(line) for line in damage), damage
                assert all(re.search(r"batch|group|footer|schema|byte", str(line)) for line in damage), damage
            else:
                assert found.keys() == whole.keys(), (path.name, place)
            others = {name for name in whole if name not in found}
            lost = max(lost, len(others))
            path.write_bytes(data)
        assert rows_of(tmp_path) == whole
    print(
        f"\n{FLIPS} flips: {told} told, the others changed nothing; at most {lost} of {len(whole)} rows lost"
    )
    assert told[".arrow"] > 0.9 * FLIPS / len(files)


def rows_of(root):
    return {row["__id"]: row for row in InferenceLog(root).scan("m").to_pylist()}
