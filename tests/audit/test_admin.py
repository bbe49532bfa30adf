"""The log in the platform admin: to look at, never to change (spec 06, spec 07 D7)."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.audit.checkpoints import sign_checkpoint
from apps.audit.events import Event
from apps.audit.models import AuditCheckpoint, AuditEvent
from apps.audit.record import Actor, Target, record
from tests.support.cast import Cast


@pytest.fixture
def event(cast: Cast) -> AuditEvent:
    actor = Actor("user", str(cast.adam.pk), "Adam\u202egpj", ip="192.0.2.9", user_agent="Firefox\x07")
    with transaction.atomic():
        entry = record(
            Event.MODEL_UPDATED,
            actor=actor,
            workspace=cast.harbor.pk,
            target=Target("external_models.externalmodel", "m-1", "<b>Claims</b>"),
            changes={"name": ("Old", "New\u200f")},
        )
    sign_checkpoint(entry.chain, entry.sequence, entry.hash)
    return entry


@pytest.fixture
def staff(cast: Cast, settings: object) -> Client:
    settings.PATCHBAY_ADMIN_MFA = False  # type: ignore[attr-defined]
    client = Client()
    client.force_login(cast.pat)
    return client


def url(client: Client, model: str, rest: str = "") -> str:
    return f"{reverse('admin:index')}audit/{model}/{rest}"


def test_list_and_detail_show_the_event_with_hidden_characters_made_visible(staff: Client, event: AuditEvent) -> None:
    """C6."""
    listed = staff.get(url(staff, "auditevent")).content.decode()
    detail = staff.get(url(staff, "auditevent", f"{event.pk}/change/")).content.decode()
    for page in (listed, detail):
        assert "Model updated" in page
        assert "\u202e" not in page
        assert "Adam&lt;U+202E&gt;gpj" in page
        assert "&lt;b&gt;Claims&lt;/b&gt;" in page
    assert "New&lt;U+200F&gt;" in detail
    assert event.hash in detail


@pytest.mark.parametrize("model", ["auditevent", "auditcheckpoint"])
def test_nothing_can_be_added_changed_or_deleted(staff: Client, event: AuditEvent, model: str) -> None:
    row = {"auditevent": AuditEvent, "auditcheckpoint": AuditCheckpoint}[model].objects.get()
    change = url(staff, model, f"{row.pk}/change/")
    assert staff.get(url(staff, model, "add/")).status_code == 403
    assert staff.post(change, {"chain": "x"}).status_code == 403
    assert staff.get(url(staff, model, f"{row.pk}/delete/")).status_code == 403
    assert staff.post(url(staff, model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403
    page = staff.get(change).content.decode()
    assert 'name="_save"' not in page
    assert "deletelink" not in page


def test_list_counts_no_table(staff: Client, event: AuditEvent, django_assert_max_num_queries: object) -> None:
    """Ten million events: the count stops at the cap."""
    with django_assert_max_num_queries(8) as queries:  # type: ignore[operator]
        staff.get(url(staff, "auditevent"))
    counts = [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"] and "audit_auditevent" in query["sql"]]
    assert counts
    assert all("LIMIT 10000" in sql for sql in counts)
