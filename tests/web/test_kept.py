import threading
import time

import pytest

from mirante.web.kept import Kept


def test_the_oldest_answer_goes_first():
    kept = Kept(most=2)
    made = []
    for key in ("a", "b", "a", "c", "b"):
        kept.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]


def test_what_fails_is_tried_again():
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 5) == 5


def test_one_waits_for_the_other():
    kept, made = Kept(), []

    def make():
        time.sleep(0.1)
        made.append(1)

    threads = [threading.Thread(target=kept.get, args=("a", make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
