"""Traces in the platform admin: metadata only, and never to be changed (spec 06, Platform staff)."""

import pytest
from django.test import Client

from apps.core.ids import uuid7
from tests.support.calls import entry, keep
from tests.support.cast import Cast

LIST = "/platform-admin/traces/trace/"


@pytest.fixture
def staff(cast: Cast, settings: object) -> Client:
    settings.PATCHBAY_ADMIN_MFA = False  # type: ignore[attr-defined]
    client = Client()
    client.force_login(cast.pat)
    return client


def test_what_was_said_stays_with_the_workspace(cast: Cast, staff: Client) -> None:
    said = {"output": "Severity: low.", "error_message": "No such patient: Ada", "provider_message": "Ada", "error_hint": "Ask Ada"}
    made = {"model_id": uuid7(), "source_name": "intake-service", "status": "failed", "error_code": "timeout"}
    known, unknown = keep(entry(cast.harbor, **made, **said), entry(cast.harbor, model_name="my policy is AB-12"))
    pages = staff.get(LIST).content.decode() + "".join(staff.get(f"{LIST}{each.pk}/change/").content.decode() for each in (known, unknown))
    for shown in ("intake-service", "Claims triage", "timeout", known.request_id, cast.harbor.name):
        assert shown in pages
    for hidden in ("Hail on the roof", "You triage claims", "Severity", "Ada", "my policy"):
        assert hidden not in pages


def test_nothing_can_be_changed(cast: Cast, staff: Client) -> None:
    [trace] = keep(entry(cast.harbor))
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{trace.pk}/change/", {"status": "failed"}).status_code == 403
    assert staff.post(f"{LIST}{trace.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_call_is_found_by_its_request_id(cast: Cast, staff: Client) -> None:
    one, other = keep(entry(cast.harbor), entry(cast.harbor))
    found = staff.get(LIST, {"q": one.request_id}).content.decode()
    assert str(one.pk) in found
    assert str(other.pk) not in found
    assert str(one.pk) not in staff.get(LIST, {"q": "Hail"}).content.decode()
