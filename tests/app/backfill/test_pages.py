"""What the pages show of a stretch that was backfilled."""

import pytest

from mirante.store import Store
from mirante.web.pages import Query, alerts_page, model_page
from tests.web.test_pages import Reader

from .conftest import DAY, START

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    ("locale", "mark", "replayed"), [("en", "backfilled", "replayed"), ("pt_BR", "retroativa", "reproduzido")]
)
def test_windows_charts_and_alerts_are_there_and_marked(world, locale, mark, replayed):
    world.record(*range(16), count=200)
    world.record(*range(16, 24), count=200, shift=15.0)
    world.label(*range(24), count=200)
    done = world.run(0, 24)
    now = START + 24 * DAY
    with Store(world.settings.store_address()) as store:
        span = {"subject": world.subject, "range": "all", "show": "all"}
        html = model_page(store, world.subject, Query(span, now=now, path="/model", locale=locale))
        (event,) = store.events.list(world.subject, kinds=["backfilled"])
        assert html.count(f">{mark}</span>") >= 10  # one for each window on the table's page
        assert event.text in Reader(html).text or event.text in html
        for title in ("heat", "predictions", "ROC AUC"):
            assert title in html
        listed = Query({"state": "all"}, now=now, path="/alerts", locale=locale)
        alerts = Reader(alerts_page(store, listed)).text
        assert replayed in alerts
        assert done.alerts[-1].summary in alerts
