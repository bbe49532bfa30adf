"""Spec 07 A9: a key that a provider repeats is masked however JSON writes it."""

import pytest

from apps.core.secrets import Secret, call_secrets, redact
from tests.conftest import ClientFor
from tests.onboarding.conftest import allow_loopback
from tests.support.cast import Cast
from tests.support.servers import answering, json_answer
from tests.support.sheet import Sheet
from tests.support.threaded import serving


@pytest.mark.parametrize(
    "written",
    [
        r"ab\u002Bcd\/ef=gh-1234567890",  # .NET
        r"ab\u002bcd/ef\u003dgh-1234567890",  # Go, Gson
        r"\u0061\u0062+cd/ef=gh-1234567890",  # nobody, but it is valid
        r"\\\\ab\u002Bcd/ef=gh-1234567890",
    ],
)
def test_a_key_that_a_provider_repeats_in_json_escapes_is_masked(written: str) -> None:
    """A9: JSON may write any character as \\u00XX; a page that parses the answer would show the key in full."""
    with call_secrets():
        Secret("ab+cd/ef=gh-1234567890").reveal()
        clean = redact(f'{{"bad key": "{written}", "note": "5 \\u003c 6"}}')
    assert "••••" in clean
    assert "1234567890" not in clean


def test_escapes_without_a_secret_stay_as_they_are() -> None:
    with call_secrets():
        Secret("ab+cd/ef=gh-1234567890").reveal()
        assert redact(r'{"note": "5 \u003c 6"}') == r'{"note": "5 \u003c 6"}'


@pytest.mark.django_db
def test_the_response_tree_shows_no_key_in_escapes(cast: Cast, client_for: ClientFor) -> None:
    """A9, on the page itself: the tree is read from the stored answer when nothing is known of the key any more."""
    with serving(answering(json_answer(rb'{"echo": "ab\u002Bcd\/ef=gh-1234567890"}'))) as server:
        allow_loopback(server.port)
        sheet = Sheet(client_for(cast.adam)).open().fill(name="Echo", url=f"http://127.0.0.1:{server.port}/x", body='{"ask": "{{prompt}}"}')
        sheet.fill(h_1_key="X-Harbor-Key", h_1_value="ab+cd/ef=gh-1234567890")
        sheet.test(prompt="Hello")
    assert sheet.status == 200
    assert "••••" in sheet.html
    assert "1234567890" not in sheet.html
