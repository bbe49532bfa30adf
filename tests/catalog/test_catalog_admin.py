"""The catalogue in the platform admin: to look at, and to update from the installed package (spec 06, spec 07 D7)."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.catalog.models import CatalogModel
from tests.support.cast import Cast
from tests.support.catalog import fill, offer, row

UPDATE = "admin:catalog_catalogmodel_update"


@pytest.fixture
def pat(cast: Cast, client: Client) -> Client:
    client.force_login(cast.pat)
    return client


def seen(html: str) -> str:
    (found,) = re.findall(r'name="seen" value="(\w+)"', html)
    return str(found)


def test_staff_see_the_difference_and_apply_it(pat: Client) -> None:
    """Spec 06: an explicit action that shows the difference first. E: it is audited, with who did it."""
    shown = pat.get(reverse(UPDATE)).content.decode()
    assert "openai gpt-4o (GPT-4o): USD 2.5 in, 10 out per million tokens" in shown
    assert not CatalogModel.objects.exists()

    response = pat.post(reverse(UPDATE), {"seen": seen(shown)}, follow=True)
    assert "The catalogue is now as genai-prices" in response.content.decode()
    assert row("gpt-4o").price is not None
    event = AuditEvent.objects.get(event="catalog.updated")
    assert (event.chain, event.actor_kind, event.actor_name, event.ip) == ("platform", "user", "Pat Platform", "127.0.0.1")

    assert "The catalogue is up to date." in pat.get(reverse(UPDATE)).content.decode()
    assert AuditEvent.objects.filter(event="catalog.updated").count() == 1


def test_another_difference_than_the_one_that_was_seen_is_shown_again(pat: Client) -> None:
    shown = pat.get(reverse(UPDATE)).content.decode()
    fill(offer(model_id="gpt-4o", name="GPT-4o", price=("9", "9")))
    response = pat.post(reverse(UPDATE), {"seen": seen(shown)})
    assert response.status_code == 422
    html = response.content.decode()
    assert "The difference has changed since it was shown" in html
    assert "openai gpt-4o (GPT-4o): USD 9 in, 9 out per million tokens -&gt; USD 2.5 in" in html
    assert CatalogModel.objects.count() == 1
    assert pat.post(reverse(UPDATE), {}).status_code == 422, "a post without what was seen applies nothing"
    assert pat.post(reverse(UPDATE), {"seen": seen(html)}).status_code == 302


def test_rows_are_for_reading(pat: Client) -> None:
    """Prices are dated and kept: nobody edits or deletes one by hand."""
    fill(offer())
    made = row("gpt-6-sol")
    listed = pat.get(reverse("admin:catalog_catalogmodel_changelist")).content.decode()
    assert "GPT-6 Sol" in listed
    assert "Update from the installed price package" in listed
    change = reverse("admin:catalog_catalogmodel_change", args=[made.pk])
    shown = pat.get(change).content.decode()
    assert "genai-prices" in shown
    assert 'name="_save"' not in shown
    assert pat.post(change, {"name": "Renamed"}).status_code == 403
    assert pat.get(reverse("admin:catalog_catalogmodel_add")).status_code == 403
    assert pat.post(reverse("admin:catalog_catalogmodel_delete", args=[made.pk]), {"post": "yes"}).status_code == 403
    assert row("gpt-6-sol").name == "GPT-6 Sol"
