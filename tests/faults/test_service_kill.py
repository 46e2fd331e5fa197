"""`kill -9` of the service where an alert could get lost: before it is judged, and before it is delivered."""

import time

import pytest

from mirante.store import Store
from tests.app.test_service import register, serve_shifted, service, until
from tests.doubles.slack import Answer, slack_double

CONFIG = """
host: {{enabled: false}}
web: {{port: 0}}
evaluation_interval: {evaluation}
mlflow: {{tracking_uri: "{server}", interval: 1h}}
models:
  - {{model: {name}, log: rows, window: 1m, lateness: 0s, interval: 200ms}}
alerts:
  channels: {{chat: {{type: slack, webhook_url_file: url}}}}
"""


def judged(folder, name):
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        windows = store.windows.list(f"model/{name}@champion")
        return [row.rows for row in windows if row.rows] == [300, 300, 300]


def notices(folder):
    with Store(f"sqlite:///{folder / 'mirante.db'}") as store:
        return [row.status for row in store.outbox.list()]


@pytest.mark.server
def test_an_alert_reaches_people_once_whenever_the_service_is_killed(tmp_path, mlflow_server):
    _, name, version = register(mlflow_server)
    serve_shifted(name, version, tmp_path / "rows")
    with slack_double() as slack:
        (tmp_path / "url").write_text(slack.url)
        rare = CONFIG.format(evaluation="1h", server=mlflow_server, name=name)
        often = CONFIG.format(evaluation="200ms", server=mlflow_server, name=name)
        with service(tmp_path, rare) as (_, process, _):  # evaluates once at its start, before there is news
            until(lambda: judged(tmp_path, name), 60)
            process.kill()
        assert notices(tmp_path) == []

        slack.always = Answer(500)
        with service(tmp_path, often) as (_, process, _):
            until(lambda: slack.requests and set(notices(tmp_path)) == {"owed"}, 60)
            process.kill()
        owed = notices(tmp_path)
        assert owed
        assert "delivered" not in owed

        slack.always, tried = None, len(slack.requests)
        with service(tmp_path, often) as (_, process, _):
            until(lambda: set(notices(tmp_path)) == {"delivered"}, 60)
            time.sleep(1)
        assert len(slack.requests) - tried == len(owed) == len(notices(tmp_path))
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        assert {row.rule for row in store.alerts.list()} >= {"feature_drift"}
