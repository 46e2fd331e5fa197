"""The login cookie cannot be forged and ends; guessing is slowed down."""

from mirante.web.sessions import COOKIE, LoginLimit, LoginLimits, Sessions


def test_sessions_end_and_cannot_be_forged():
    sessions = Sessions("a token", seconds=60)
    cookie = sessions.issue(1000.0)
    assert sessions.valid(cookie, 1059.0)
    assert not sessions.valid(cookie, 1060.0)
    assert not sessions.valid(cookie.replace("1060", "2060"), 1059.0)
    assert not Sessions("another").valid(cookie, 1000.0)
    for junk in ("", ".", "x.y", "1060", "\udcff.\udcff"):
        assert not sessions.valid(junk, 0.0)


def test_login_limit_forgets():
    limit = LoginLimit(failures=2, seconds=60)
    limit.failed(0.0)
    assert not limit.blocked(1.0)
    limit.failed(1.0)
    assert limit.blocked(2.0)
    assert not limit.blocked(61.0)


def test_cookie_is_found_among_others():
    sessions = Sessions("a token", seconds=60)
    header = f"other=1; {COOKIE}={sessions.issue(0.0)}; more=2"
    assert sessions.in_cookies(header, 1.0)
    assert not sessions.in_cookies(header, 61.0)
    assert not sessions.in_cookies("other=1", 1.0)
    assert not sessions.in_cookies(";;=;,", 1.0)


def test_token_is_compared_whole():
    sessions = Sessions("a token")
    assert sessions.is_token("a token")
    for wrong in ("", "a toke", "a token ", "A TOKEN", "\udcff"):
        assert not sessions.is_token(wrong)


def test_each_address_has_its_own_brake_and_few_are_remembered():
    limits = LoginLimits(addresses=2)
    for _ in range(10):
        limits.failed("a", 0.0)
    assert limits.blocked("a", 1.0)
    assert not limits.blocked("a", 61.0)
    assert not limits.blocked("b", 1.0)
    limits.failed("b", 2.0)
    limits.failed("c", 3.0)
    assert not limits.blocked("a", 3.0), "the one that failed longest ago is forgotten"
