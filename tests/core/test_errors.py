"""Error pages and health (spec 07 F4, F6; spec 08 "Use")."""

import json
import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory

from apps.accounts.errors import server_error
from apps.core import health
from apps.core.database import is_database_away
from tests.conftest import ClientFor
from tests.support.cast import Cast

urls = pytest.mark.urls("tests.support.access_urls")


def test_a_404_says_where_to_go(cast: Cast, client_for: ClientFor) -> None:
    response = client_for(cast.alice).get("/nothing-here/")
    page = response.content.decode()
    assert response.status_code == 404
    assert response.headers["X-Request-ID"] in page
    assert 'href="/"' in page


@urls
def test_a_500_needs_neither_database_nor_session_and_tells_nothing() -> None:
    """No ``db`` fixture: a query would fail the test."""
    client = Client(raise_request_exception=False)
    client.cookies["theme"] = "dark"
    response = client.get("/broken/")
    page = response.content.decode()
    assert response.status_code == 500
    assert response.headers["X-Request-ID"] in page
    assert 'data-theme="dark"' in page
    assert "planted" not in page
    assert "ZeroDivisionError" not in page


def test_a_form_that_is_too_old_is_told_so(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    response = client.post("/account/", {"name": "x"})
    assert response.status_code == 403
    assert "This form is no longer valid" in response.content.decode()


def raised(error: Exception) -> Exception:
    """The handler looks at the exception being handled, as Django calls it."""
    request = RequestFactory().get("/")
    try:
        raise error
    except type(error):
        response = server_error(request)
    return response  # type: ignore[return-value]


def test_a_database_that_is_away_gives_503() -> None:
    """F4"""
    response = raised(OperationalError("unable to open database file"))
    assert response.status_code == 503  # type: ignore[attr-defined]
    assert response.headers["Retry-After"] == "5"  # type: ignore[attr-defined]
    assert "cannot reach its database" in response.content.decode()  # type: ignore[attr-defined]


class Cause(Exception):
    sqlstate: str | None = None


def caused(sqlstate: str | None) -> OperationalError:
    cause = Cause()
    cause.sqlstate = sqlstate
    error = OperationalError("from the driver")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("unable to open database file"), True),
        (OperationalError("database is locked"), True),
        (OperationalError("no such table: x"), False),
        (OperationalError("no such column: x"), False),
        (InterfaceError("connection already closed"), True),
        (caused(None), True),  # refused, timed out, pool exhausted
        (caused("08006"), True),  # connection failure
        (caused("57P01"), True),  # shutting down
        (caused("53300"), True),  # too many connections
        (caused("57014"), False),  # a query cancelled for its time
        (ValueError("unable to open database file"), False),
        (None, False),
    ],
)
def test_what_counts_as_away(error: Exception | None, away: bool) -> None:
    assert is_database_away(error) is away


def test_live_asks_nothing(client: Client) -> None:
    """F6. No ``db`` fixture: a query would fail the test."""
    response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response.headers["X-Request-ID"]


def test_ready(db: None, client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    expected = ("process", "secret_keys", "journal", "database", "migrations", "stored_secrets")
    assert response.json()["checks"] == dict.fromkeys(expected, "ok")
    assert "traces_behind_seconds" in response.json()
    assert not response.cookies


def test_not_ready_from_the_moment_of_sigterm(db: None, client: Client) -> None:
    health.stopping.set()
    try:
        response = client.get("/health/ready")
    finally:
        health.stopping.clear()
    assert response.status_code == 503
    assert response.json()["checks"]["process"] == "failed"


def test_not_ready_with_a_migration_waiting(db: None, client: Client) -> None:
    health._migrated_once.clear()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'accounts'")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"] == {
        "process": "ok",
        "secret_keys": "ok",
        "journal": "ok",
        "database": "ok",
        "migrations": "failed",
        "stored_secrets": "failed",
    }


def test_security_headers(db: None, client: Client) -> None:
    """D8"""
    headers = client.get("/account/sign-in/").headers
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in headers["Permissions-Policy"]


def test_htmx_is_configured_as_d9_says(db: None, client: Client) -> None:
    page = client.get("/account/sign-in/").content.decode()
    config = re.search(r"htmx-config\" content='([^']+)'", page)
    assert config
    off = dict.fromkeys(["allowEval", "allowScriptTags", "includeIndicatorStyles"], False)
    expected = {**off, "selfRequestsOnly": True, "historyCacheSize": 0}
    assert json.loads(config[1]).items() >= expected.items()
    assert json.loads(config[1])["defaultSettleDelay"] == 0  # until it is over nothing that came answers to a click or a choice


def test_improperly_configured_is_an_ordinary_500() -> None:
    assert raised(ImproperlyConfigured("x")).status_code == 500  # type: ignore[attr-defined]
