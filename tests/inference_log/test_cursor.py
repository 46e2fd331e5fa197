import json

from mirante.inference_log.cursor import Cursor
from mirante.inference_log.segments import SegmentName


def name(number, process="p"):
    return SegmentName("20130208T170000000000", process, number)


def test_finished_segments_fold_into_one_number():
    cursor = Cursor(None)
    for number in range(1000):
        cursor.consume("1", name(number), 10, finished=True)
    assert cursor.state == {"1": {"p": {"done": 1000, "part": {}}}}
    assert cursor.finished("1", name(999))
    assert not cursor.finished("1", name(1000))


def test_a_segment_that_comes_late_is_still_read():
    cursor = Cursor(None)
    cursor.consume("1", name(2), 10, finished=True)
    assert not cursor.finished("1", name(0))
    assert cursor.finished("1", name(2))
    cursor = Cursor(json.loads(json.dumps(cursor.state)))
    assert cursor.consumed("1", name(2)) == 10
    cursor.consume("1", name(0), 5, finished=True)
    cursor.consume("1", name(1), 3, finished=False)
    assert cursor.state["1"]["p"]["done"] == 1
    cursor.consume("1", name(1), 4, finished=True)
    assert cursor.state == {"1": {"p": {"done": 3, "part": {}}}}


def test_the_given_state_is_not_changed():
    first = Cursor(None)
    first.consume("1", name(0), 5, finished=False)
    before = json.dumps(first.state)
    Cursor(first.state).consume("1", name(0), 6, finished=True)
    assert json.dumps(first.state) == before


def test_forgetting_needs_the_file_to_be_gone_by_name():
    cursor = Cursor(None)
    cursor.consume("1", name(0), 5, finished=False)
    cursor.consume("1", name(0, "q"), 5, finished=False)
    cursor.forget("1", [name(0, "q")], lambda stem: True)
    assert cursor.consumed("1", name(0)) == 5
    cursor.forget("1", [name(0, "q")], lambda stem: False)
    assert set(cursor.state["1"]) == {"q"}
    cursor.forget("1", [], lambda stem: False)
    assert cursor.state == {}
