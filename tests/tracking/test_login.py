import os
import threading

import pytest

from mirante.errors import LoginRefusedError, TrackingError
from mirante.tracking.login import Login, Logins, login_refusal, request_options

URI = "https://mlflow.example.com"
NAMES = ("USERNAME", "PASSWORD", "TOKEN", "SERVER_CERT_PATH")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in NAMES:  # set first, so that what a test leaves is taken away again
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")


class Server:
    """Takes a password or not, and counts who asked."""

    def __init__(self, logins, taken=False):
        self.logins, self.taken, self.asked = logins, taken, 0

    def ask(self):
        self.asked += 1
        if not self.taken:
            refusal = login_refusal(URI)
            self.logins.refused(URI, refusal)
            raise refusal


@pytest.fixture
def time():
    return [0.0]


@pytest.fixture
def logins(time):
    return Logins(lambda: time[0])


def shown():
    return {
        name: os.environ[f"MLFLOW_TRACKING_{name}"]
        for name in NAMES
        if f"MLFLOW_TRACKING_{name}" in os.environ
    }


def test_a_login_takes_the_place_of_the_other_kind():
    Login(username="ana", password="hunter2", ca_file="/ca.pem").use()
    assert shown() == {"USERNAME": "ana", "PASSWORD": "hunter2", "SERVER_CERT_PATH": "/ca.pem"}
    assert request_options() == {"auth": ("ana", "hunter2"), "verify": "/ca.pem"}
    Login(token="hunter3").use()
    assert shown() == {"TOKEN": "hunter3", "SERVER_CERT_PATH": "/ca.pem"}
    Login().use()
    assert request_options() == {"headers": {"Authorization": "Bearer hunter3"}, "verify": "/ca.pem"}
    Login(username="ana", password="hunter2").use()
    assert "TOKEN" not in shown()


def test_no_secret_is_in_what_is_shown_of_a_login():
    login = Login(username="ana", password="hunter2", token="hunter3")
    assert "hunter" not in repr(login) + str(login)


@pytest.mark.parametrize(
    ("login", "said"),
    [
        (Login(), "wants a login, and none is known: give mlflow.username and mlflow.password_file"),
        (
            Login(username="ana", password="hunter2"),
            "refused the user or the password (401): mend mlflow.user",
        ),
        (
            Login(token="hunter2"),
            "refused the token (401): mend mlflow.token_file in mirante.yaml, or MLFLOW",
        ),
    ],
)
def test_a_refusal_says_where_the_login_is_mended(login, said):
    login.use()
    text = str(login_refusal(URI))
    assert said in text
    assert "hunter" not in text


def test_ten_askers_at_once_cost_one_try(logins):
    Login(username="ana", password="wrong").use()
    server, refused = Server(logins), []

    def ask():
        try:
            logins.admit(URI, server.ask)
        except LoginRefusedError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == 1
    assert len(refused) == 10
    assert len(set(refused)) == 1


def test_a_refused_login_is_tried_ever_more_seldom_and_another_at_once(logins, time):
    Login(username="ana", password="wrong").use()
    server = Server(logins)
    tried = []
    for minute in range(300):
        time[0], before = 60.0 * minute, server.asked
        with pytest.raises(LoginRefusedError):
            logins.admit(URI, server.ask)
        tried += [minute] * (server.asked - before)
    assert tried == [0, 5, 15, 35, 75, 135, 195, 255]
    server.taken = True
    Login(username="ana", password="right").use()
    logins.admit(URI, server.ask)
    logins.admit(URI, server.ask)
    assert server.asked == len(tried) + 1
    Login(username="ana", password="wrong").use()  # and what was refused stays so
    with pytest.raises(LoginRefusedError):
        logins.admit(URI, server.ask)


def test_who_shows_nothing_is_let_through_until_a_login_is_wanted(logins, time):
    server = Server(logins)
    logins.admit(URI, server.ask)
    assert server.asked == 0
    logins.refused(URI, login_refusal(URI))
    with pytest.raises(LoginRefusedError, match="none is known"):
        logins.admit(URI, server.ask)
    time[0], server.taken = 301.0, True
    logins.admit(URI, server.ask)
    assert server.asked == 1


def test_a_login_that_was_taken_and_is_refused_later_pauses_too(logins):
    Login(token="hunter2").use()
    server = Server(logins, taken=True)
    logins.admit(URI, server.ask)
    logins.refused(URI, login_refusal(URI))
    with pytest.raises(LoginRefusedError, match="token"):
        logins.admit(URI, server.ask)
    assert server.asked == 1


def test_a_server_that_is_away_is_no_refusal(logins, time):
    Login(token="hunter2").use()
    asked = []

    def away():
        asked.append(1)
        raise TrackingError("no answer")

    logins.admit(URI, away)
    logins.admit(URI, away)  # within seconds nobody waits for it again
    assert len(asked) == 1
    time[0] = 11.0
    logins.admit(URI, away)
    assert len(asked) == 2
