"""Saved prompts: from the playground and back, versions, conflicts, a model that is gone, runs (spec 04, Prompts)."""

import re
from typing import Any

import pytest

from apps.external_models.actions import delete_model
from apps.external_models.models import ExternalModel
from apps.playground.models import Prompt
from apps.traces.models import Trace
from apps.traces.store import flush
from tests.conftest import ClientFor
from tests.playground.conftest import Page
from tests.support.cast import Cast
from tests.support.models import actor


def save(page: Page, do: str = "new", **changes: Any) -> Any:
    return page.post("save", do=do, **{"prompt_name": "Triage", **changes})


@pytest.fixture
def saved(page: Page) -> Prompt:
    page.fields |= {"system_prompt": "Sort claims.", "turn-0-text": "Sort this:\n{{claim}}", "temperature": "0.2"}
    assert save(page).status_code == 302
    return Prompt.objects.get()


def test_a_prompt_is_saved_and_loaded(page: Page, saved: Prompt, model: ExternalModel) -> None:
    version = saved.versions.get()
    assert (version.number, version.model, version.author_name) == (1, model, "Bob Member")
    loaded = page.client.get(f"{page.url('page')}?prompt={saved.pk}").content.decode()
    assert "Sort this:\n{{claim}}</textarea>" in loaded
    assert f'name="prompt" value="{saved.pk}"' in loaded
    assert 'name="var-claim"' in loaded
    assert "Triage" in page.client.get(page.url("prompt_list") + "?q=tri").content.decode()
    assert "Triage" not in page.client.get(page.url("prompt_list") + "?q=tri%00").content.decode()
    again = page.post("save", htmx=True, do="new", prompt_name="Kept")
    kept = Prompt.objects.get(name="Kept")
    assert again["HX-Push-Url"].endswith(f"?prompt={kept.pk}&version=1"), "a reload keeps it"


def test_names_are_one_of_a_kind(page: Page, saved: Prompt) -> None:
    refused = save(page, prompt_name="TRIAGE", **{"turn-0-text": "Kept text"})
    assert refused.status_code == 422
    assert "There is a prompt “TRIAGE” already." in refused.content.decode()
    assert "Kept text" in refused.content.decode()
    assert save(page, prompt_name="").status_code == 422
    assert Prompt.objects.count() == 1


def test_a_double_click_saves_once(page: Page, saved: Prompt) -> None:
    """The browser gives up the first request, which is done all the same: the second finds what it asks for."""
    assert save(page).status_code == 302
    assert Prompt.objects.count() == 1
    assert save(page, **{"turn-0-text": "Other words"}).status_code == 422
    changed: dict[str, Any] = {"prompt": str(saved.pk), "prompt_number": "1", "turn-0-text": "Sort this well."}
    for _ in range(2):
        assert save(page, "version", **changed).status_code == 302
    assert [version.number for version in saved.versions.all()] == [2, 1]
    assert save(page, "version", **changed | {"turn-0-text": "Others again"}).status_code == 422


def test_nobody_saves_over_a_newer_version_unawares(page: Page, saved: Prompt, cast: Cast, client_for: ClientFor) -> None:
    loaded = {"prompt": str(saved.pk), "prompt_number": "1"}
    alice = Page(client_for(cast.alice), dict(page.fields))
    assert save(alice, "version", **loaded, **{"turn-0-text": "Alice's words"}).status_code == 302
    refused = save(page, "version", **loaded, **{"turn-0-text": "Bob's words"})
    html = refused.content.decode()
    assert refused.status_code == 422
    assert "Alice Owner saved version 2 meanwhile." in html
    assert "Bob&#x27;s words" in html
    assert save(page, None, anyway="2", **loaded, **{"turn-0-text": "Bob's words"}).status_code == 302  # type: ignore[arg-type]
    assert [version.script.prompt for version in saved.versions.all()] == ["Bob's words", "Alice's words", "Sort this:\n{{claim}}"]


def test_versions_are_compared_and_restored(page: Page, saved: Prompt) -> None:
    save(page, "version", prompt=str(saved.pk), prompt_number="1", **{"turn-0-text": "Sort this now:\n{{claim}}", "temperature": "0.9"})
    html = page.client.get(page.url("prompt_compare", saved.pk)).content.decode()
    assert '<del><span class="vh">Removed: </span>Sort this:</del>' in html
    assert '<ins><span class="vh">Added: </span>Sort this now:</ins>' in html
    assert "Temperature: 0.9" in html
    assert re.findall(r">Restore version (\d)<", html) == ["1"], "the newest is there already"
    page.client.post(page.url("prompt_restore", saved.pk), {"version": "1"})
    newest = saved.versions.first()
    assert newest is not None
    assert (newest.number, newest.restored_from, newest.script.prompt) == (3, 1, "Sort this:\n{{claim}}")
    html = page.client.get(page.url("prompt_compare", saved.pk), {"old": "1", "new": "2"}).content.decode()
    assert re.findall(r">Restore version (\d)<", html) == ["2", "1"]


def test_renaming_and_deleting(page: Page, saved: Prompt, cast: Cast, client_for: ClientFor) -> None:
    assert page.client.post(page.url("prompt_rename", saved.pk), {"name": "Sorting"}).status_code == 302
    assert page.client.post(page.url("prompt_rename", saved.pk), {"name": "@"}).status_code == 422
    alices = Prompt.objects.create(workspace=cast.harbor, name="Hers", name_key="hers", created_by=cast.alice)
    assert page.client.post(page.url("prompt_delete", alices.pk)).status_code == 403, "a member deletes no prompt of others"
    assert page.client.post(page.url("prompt_delete", saved.pk)).status_code == 302
    assert list(Prompt.objects.all()) == [alices]


def test_a_prompt_outlives_its_model(page: Page, saved: Prompt, model: ExternalModel, cast: Cast) -> None:
    delete_model(model, actor=actor(cast.alice))
    shown = page.client.get(page.url("prompt", saved.pk)).content.decode()
    assert "Its model “GPT-4o mini” was deleted" in shown


@pytest.mark.django_db(transaction=True)
class TestRuns:
    @pytest.fixture
    def cast(self, transactional_cast: Cast) -> Cast:
        return transactional_cast

    def test_the_trace_names_the_prompt_until_it_is_edited(self, page: Page, saved: Prompt) -> None:
        loaded = {"prompt": str(saved.pk), "prompt_number": "1", "var-claim": "Hail"}
        page.post(**loaded)
        page.post(**loaded, **{"turn-0-text": "Something else"})
        flush()
        sources = list(Trace.objects.order_by("started_at").values_list("source_type", "source_name"))
        assert sources == [("prompt", "Triage"), ("playground", "Bob Member")]
