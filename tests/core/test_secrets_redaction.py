"""Redaction by value (spec 07 A9)."""

import asyncio
import base64
import html
import json
import re
import threading
import time
from contextvars import copy_context
from urllib.parse import quote, quote_plus

import pytest

from apps.core import redaction
from apps.core.redaction import redact_beginning
from apps.core.secrets import Secret, call_secrets, redact

VALUE = 'sk-live/+"quoted"\\<&> é=%0123'


@pytest.mark.parametrize(
    "written",
    [
        VALUE,
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        quote(VALUE, safe="").lower().replace("%c3%a9", "%c3%a9"),
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        repr(VALUE),
        html.escape(VALUE),
        html.escape(VALUE).replace("&quot;", "&#34;"),
        json.dumps(json.dumps(VALUE)),
        json.dumps(json.dumps(VALUE, ensure_ascii=False), ensure_ascii=False),
        json.dumps(VALUE).replace("\\u00e9", "\\u00E9"),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(VALUE.encode()).decode().rstrip("="),
        json.dumps({"error": f"Incorrect key {VALUE} given"}),
    ],
)
def test_every_usual_form_is_replaced(written: str) -> None:
    with call_secrets():
        Secret(VALUE).reveal()
        clean = redact(f"before {written} after")
    assert "••••" in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert "0123" not in clean
    assert base64.b64encode(VALUE.encode()).decode()[4:20] not in clean


@pytest.mark.parametrize("user", ["u", "us", "use", "user"])
def test_value_inside_basic_credentials_is_replaced(user: str) -> None:
    header = base64.b64encode(f"{user}:hunter2-hunter2:x".encode()).decode()
    with call_secrets():
        Secret("hunter2-hunter2").reveal()
        assert "••••" in redact(header)


def test_key_is_found_without_its_scheme() -> None:
    """Providers quote the key, not the header."""
    with call_secrets():
        Secret("sk-first-0123").with_prefix("Bearer ").reveal()
        Secret("Token sk-second-0123").reveal()
        assert redact("sk-first-0123, Bearer sk-first-0123, sk-second-0123") == "••••, ••••, ••••"


def test_longest_value_first() -> None:
    with call_secrets():
        Secret("abcd").reveal()
        Secret("abcd-efgh").reveal()
        assert redact("abcd-efgh abcd") == "•••• ••••"


def test_short_values_are_left_alone() -> None:
    with call_secrets():
        Secret("abc").reveal()
        Secret("").reveal()
        assert redact("abc abcd") == "abc abcd"


def test_nothing_is_kept_after_the_call() -> None:
    with call_secrets():
        Secret("sk-0123456789").reveal()
    assert redact("sk-0123456789") == "sk-0123456789"


def test_inner_scope_forgets_nothing_early() -> None:
    with call_secrets():
        with call_secrets():
            Secret("sk-0123456789").reveal()
        assert redact("sk-0123456789") == "••••"


async def test_calls_at_once_know_their_own_secrets_and_those_of_their_tasks() -> None:
    async def call(value: str) -> str:
        with call_secrets():
            await asyncio.create_task(send(value))
            return redact("sk-call-one sk-call-two")

    async def send(value: str) -> None:
        Secret(value).reveal()
        await asyncio.sleep(0)

    assert await asyncio.gather(call("sk-call-one"), call("sk-call-two")) == ["•••• sk-call-two", "sk-call-one ••••"]


def test_value_revealed_outside_a_call_is_still_redacted() -> None:
    seen: list[str] = []

    def work() -> None:
        Secret("sk-0123456789").reveal()
        seen.append(redact("sk-0123456789"))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["••••"]


def test_endless_context_keeps_a_bounded_number() -> None:
    def reveal_many() -> str:
        for number in range(2 * redaction.MAX_VALUES):
            Secret(f"value-{number:06}").reveal()
        return redact(f"value-{2 * redaction.MAX_VALUES - 1:06} value-000000")

    assert copy_context().run(reveal_many) == "•••• value-000000"


def test_a_call_forgets_none_of_its_secrets() -> None:
    """A9: whoever can add headers to a call could push a colleague's key out."""
    with call_secrets():
        for number in range(2 * redaction.MAX_VALUES):
            Secret(f"value-{number:06}").reveal()
        assert redact("value-000000") == "••••"


ESCAPED = "".join(f"\\u00{ord(each):02x}" for each in "sk-live-0123456789abcdef")


@pytest.mark.parametrize("form", ["sk-live-0123456789abcdef", ESCAPED, "\\\\" + ESCAPED])
def test_no_cut_shows_a_part_of_a_value(form: str) -> None:
    with call_secrets():
        Secret("sk-live-0123456789abcdef").reveal()
        for place in range(0, 1200, 3):
            text = "x " * 20 + form + "y " * (place // 2) + form + "z" * 5000
            kept = redact_beginning(text, 800)
            assert len(kept) <= 800
            assert not re.search(r"sk-|\\u007|0123", kept), place
            assert kept.startswith("x x x")
    assert redact_beginning("no secrets here", 10) == "no secrets"


def test_a_large_text_of_escapes_costs_what_is_kept_of_it() -> None:
    text = "\\u0041" * (16 * 2**20 // 6)
    with call_secrets():
        Secret("sk-live-0123456789abcdef").reveal()
        began = time.thread_time()
        assert redact_beginning(text, 250_000) == text[:250_000]
        assert time.thread_time() - began < 0.5  # the whole took 3 s
