"""Readings that are sent beside the replay: one thread at a time, all of them, and errors are said."""

import threading

import pytest

from mirante.demo.shipping import Shipping
from mirante.errors import TrackingError


class Sink:
    """Sends what waits; it can be held up, and notes how many threads were in it at once."""

    def __init__(self):
        self.waiting, self.inside, self.most = 0, 0, 0
        self.began, self.free = threading.Event(), threading.Event()
        self.free.set()
        self.error = None

    def ship(self):
        self.inside += 1
        self.most = max(self.most, self.inside)
        sent, self.waiting = self.waiting, 0
        self.began.set()
        self.free.wait(10)
        self.inside -= 1
        if self.error:
            raise self.error
        return sent


def test_what_comes_meanwhile_is_sent_in_the_end_and_no_two_send_at_once():
    sink = Sink()
    sink.free.clear()
    with Shipping(sink) as shipping:
        sink.waiting = 3
        shipping.go_on()
        assert sink.began.wait(10)
        sink.waiting = 4
        shipping.go_on()  # is being done
        sink.free.set()
        assert shipping.finish() == 7
    assert (sink.most, sink.waiting) == (1, 0)


def test_an_error_of_the_thread_is_raised_where_it_is_asked_again():
    sink = Sink()
    with Shipping(sink) as shipping:
        sink.error = TrackingError("no MLflow server answers")
        shipping.go_on()
        with pytest.raises(TrackingError, match="no MLflow"):
            shipping.finish()


def test_leaving_waits_for_what_is_being_sent():
    sink = Sink()
    with Shipping(sink) as shipping:
        sink.free.clear()
        shipping.go_on()
        assert sink.began.wait(10)
        threading.Timer(0.05, sink.free.set).start()
    assert sink.inside == 0
    assert not any(thread.name.startswith("demo-shipping") for thread in threading.enumerate())
