"""Logs: one line per request with its ID; no query, header or body; secrets taken out by value and by name (spec 07 A9, A10)."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.test import Client

from apps.core.logging import json_formatter, new_request_id
from apps.core.redaction import call_secrets, register

SECRET = "sk-planted-0123456789-abcdef"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the product's own formatter writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line(client: Client, written: io.StringIO) -> None:
    response = client.get("/health/live?key=in-the-query", headers={"X-Api-Key": "in-a-header", "User-Agent": "in-a-header"})
    [line] = [line for line in lines(written) if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/health/live", 200)
    assert line["duration_ms"] > 0
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert "in-the-query" not in written.getvalue()
    assert "in-a-header" not in written.getvalue()


def test_a_body_is_not_logged(db: None, client: Client, written: io.StringIO) -> None:
    client.post("/account/sign-in/", {"login": "alice@harbor.test", "password": "in-the-body-of-it"})
    assert "in-the-body-of-it" not in written.getvalue()


@pytest.mark.urls("tests.support.access_urls")
def test_a_traceback_loses_its_secrets(written: io.StringIO) -> None:
    """A9: by value, in error texts as well."""
    with call_secrets():
        register("sk-planted-in-an-error")
        Client(raise_request_exception=False).get("/broken/")
    assert "ZeroDivisionError" in written.getvalue()
    assert "sk-planted-in-an-error" not in written.getvalue()


@pytest.mark.parametrize("say", [structlog.get_logger("patchbay.test").warning, logging.getLogger("patchbay.test").warning])
def test_a_revealed_value_is_taken_out(written: io.StringIO, say: Any) -> None:
    with call_secrets():
        register(SECRET)
        say(f"the provider answered: bad key {SECRET}")
    assert SECRET not in written.getvalue()
    assert "bad key ••••" in written.getvalue()


NAMES = ["password", "api_key", "x-api-key", "Authorization", "client_secret", "access_token", "cookie", "private_key"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_named_like_a_secret_is_masked(written: io.StringIO, name: str) -> None:
    """The second net: unknown values under telling names, nested ones too."""
    structlog.get_logger("patchbay.test").warning("call", **{name: SECRET}, headers={name: SECRET}, rows=[{name: SECRET}])
    assert SECRET not in written.getvalue()


def test_token_counts_are_not_secrets(written: io.StringIO) -> None:
    structlog.get_logger("patchbay.test").warning("call", input_tokens=12, output_tokens=34)
    assert (lines(written)[0]["input_tokens"], lines(written)[0]["output_tokens"]) == (12, 34)


@pytest.mark.parametrize("offered", ["abcdef12", "7f0e9a54-3c1d-4a5e-9b8e-0d6f1a2b3c4d"])
def test_a_proxys_request_id_is_kept(client: Client, offered: str) -> None:
    assert client.get("/health/live", headers={"X-Request-ID": offered}).headers["X-Request-ID"] == offered


@pytest.mark.parametrize("offered", [None, "", "short", "a" * 65, "with blank", 'x"},{"event":"forged"', "line\nfeed1234", "<script>123"])
def test_any_other_request_id_is_replaced(offered: str | None) -> None:
    made = new_request_id(offered)
    assert made != offered
    assert len(made) == 32
