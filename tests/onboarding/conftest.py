"""The page of a custom integration, opened by Adam, with the demo provider allowed as the demo allows it."""

from collections.abc import Callable

import pytest

from apps.audit.record import SYSTEM
from apps.egress.actions import allow_egress
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.provider import DEMO_KEYS, RunningProvider, provider, provider_server
from tests.support.sheet import Sheet

__all__ = ["provider", "provider_server"]

KEY = DEMO_KEYS["triage"].accepted
BODY = """{
  "task": {"ask": "{{prompt}}", "line": "{{line}}"},
  "knobs": {"heat": {{heat}}, "max_words": 60}
}"""

type OpenSheet = Callable[..., Sheet]


def allow_loopback(port: int) -> None:
    allow_egress(actor=SYSTEM, host="127.0.0.1", ports=[port], scheme="any", reason="A server of this test")


@pytest.fixture
def allowed(provider: RunningProvider, db: None) -> RunningProvider:
    """The demo provider, with the egress rule that it needs."""
    allow_loopback(provider.port)
    return provider


@pytest.fixture(params=["plain", "htmx"])
def scripts(request: pytest.FixtureRequest) -> bool:
    """Each test with it runs twice: as plain form posts, and as htmx sends them."""
    return str(request.param) == "htmx"


@pytest.fixture
def sheet(cast: Cast, client_for: ClientFor) -> Sheet:
    """A new page of Adam's, without scripts."""
    return Sheet(client_for(cast.adam)).open()


@pytest.fixture
def either(cast: Cast, client_for: ClientFor, scripts: bool) -> Sheet:
    """A new page of Adam's, with and without scripts."""
    return Sheet(client_for(cast.adam), scripts=scripts).open()


def triage(sheet: Sheet, provider: RunningProvider, *, key: str = KEY, name: str = "Claims triage", path: str = "") -> Sheet:
    """Fill the page in for the odd triage API; `path` puts a fault before it."""
    if "v-0-name" not in sheet.fields:
        sheet.add_variable("line", label="Line of business", default="motor")
        sheet.add_variable("heat", "number", default="0.2")
    sheet.fill(name=name, url=f"{provider.url}{path}/triage/v3/assess", body=BODY)
    return sheet.fill(h_1_key="X-Harbor-Key", h_1_value=key)
