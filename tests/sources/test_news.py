"""What is worth to be written again."""

import math
from datetime import UTC, datetime, timedelta

from mirante.readings import Reading
from mirante.sources.news import News

NOW, AGAIN = datetime(2026, 1, 1, tzinfo=UTC), timedelta(minutes=5)


def reading(value, **labels):
    return Reading("run_metric", value, NOW, labels)


def test_only_a_change_is_news_until_it_is_time_again():
    news = News(AGAIN)
    for value in (1.0, math.nan, math.inf):
        news.told([reading(value)], NOW)
        assert not news.is_new(reading(value), NOW + AGAIN - timedelta(seconds=1))
        assert news.is_new(reading(2.0), NOW)
        assert news.is_new(reading(value), NOW + AGAIN)


def test_series_are_told_apart_and_forgotten_when_nothing_is_told_of_them():
    news = News(AGAIN)
    news.told([reading(1.0, key="a")], NOW)
    assert news.is_new(reading(1.0, key="b"), NOW)
    news.told([reading(1.0, key="b")], NOW + 3 * AGAIN)
    assert len(news._told) == 1
