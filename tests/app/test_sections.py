from pathlib import Path

import pytest
from pydantic import ValidationError

from mirante.app.build import use_login
from mirante.app.sections import HostConfig, MlflowConfig, RetentionConfig
from mirante.app.settings import default_settings
from mirante.errors import ConfigError


def test_an_address_switches_mlflow_on_and_it_can_be_switched_off():
    assert MlflowConfig(tracking_uri="http://127.0.0.1:5000").enabled
    assert not MlflowConfig().enabled
    assert not MlflowConfig(tracking_uri="http://127.0.0.1:5000", enabled=False).enabled


def test_mlflow_without_an_address_cannot_be_switched_on():
    with pytest.raises(ValidationError, match=r"needs mlflow\.tracking_uri"):
        MlflowConfig(enabled=True)


def test_people_get_an_address_without_a_password_or_none():
    assert (
        MlflowConfig(tracking_uri="http://ana:secret@127.0.0.1:5000").page_address()
        == "http://127.0.0.1:5000"
    )
    assert MlflowConfig(tracking_uri="sqlite:///mlflow.db").page_address() == ""


@pytest.mark.parametrize("interval", ["0s", "-1m", "soon"])
def test_an_interval_is_more_than_nothing(interval):
    with pytest.raises(ValidationError):
        HostConfig(interval=interval)


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"full": "1m"}, r"full\n.*is 1m; pages show the last 24 hours.* need at least 1d \(m means minutes"),
        ({"full": "0d"}, "full\n.*is 0s; pages show"),
        ({"labels": "3m"}, "labels\n.*is 3m; labels come late, and need at least 1d"),
        ({"history": "1m"}, "history\n.*is 1m; what flaps, .* needs at least 7d"),
        ({"hourly": "1m"}, "hourly\n.*is 1m and full is 2d"),
    ],
)
def test_a_month_that_was_written_as_a_minute_is_refused(kept, said):
    with pytest.raises(ValidationError, match=said):
        RetentionConfig(**kept)
    assert RetentionConfig(full="1d", labels="1d", history="7d").doubts == []


def test_what_is_kept_for_hours_only_is_doubted_and_no_error():
    said = RetentionConfig(full="12h", labels="1h").doubts
    assert [one.partition(";")[0] for one in said] == [
        "retention.full is 12h",
        "retention.labels is 1h",
    ]


def test_an_address_of_mlflow_without_http_is_refused_where_it_is_asked():
    with pytest.raises(ValidationError, match=r"tracking_uri\n.*needs http:// or https://"):
        MlflowConfig(tracking_uri="localhost:5000")
    settings = default_settings(environ={"MLFLOW_TRACKING_URI": "localhost:5000"}, folder=Path())
    with pytest.raises(ConfigError, match=r"^MLFLOW_TRACKING_URI needs http://"):
        use_login(settings)
