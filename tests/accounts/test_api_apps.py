"""Settings, API apps and keys: the pages, and the command (spec 01; spec 07 A11, D2, D3, D5)."""

import io
import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from apps.accounts.actions import change_role
from apps.accounts.api_actions import KeyTerms, ScopesRefused, create_api_app, revoke_api_key, update_api_key
from apps.accounts.api_keys import look_up
from apps.accounts.models import ApiApp, ApiKey, Membership
from apps.accounts.permissions import Role, Scope
from apps.audit.chain import PLATFORM
from apps.audit.models import AuditEvent
from apps.audit.watch import announce
from tests.conftest import ClientFor
from tests.support.api_keys import add_key, make_new_key
from tests.support.cast import PASSWORD, Cast
from tests.support.models import actor
from tests.support.together import browsers, post_at_once

APPS = "/w/harbor/settings/api-apps/"
NEW = f"{APPS}new/"
KEY = re.compile(r"pb_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")
FIELDS = {"name": "intake-service", "scopes": ["inference:invoke", "models:read"], "key_name": "production"}


def confirm(client: Client) -> Client:
    client.post("/account/confirm/", {"password": PASSWORD})
    return client


@pytest.fixture
def alice(cast: Cast, client_for: ClientFor) -> Client:
    """Signed in, and asked for her password just now."""
    announce(PLATFORM)
    return confirm(client_for(cast.alice))


def page(response: Any) -> str:
    text: str = response.content.decode()
    return text


# Making one


def test_an_app_with_its_first_key(alice: Client, cast: Cast) -> None:
    form = page(alice.get(NEW))
    assert 'value="inference:invoke"' in form
    assert len(re.findall(r'name="scopes"[^>]* checked', form)) == 1
    day = (timezone.now() + timedelta(days=30)).date()
    limits = {"expires": day.isoformat(), "requests_per_minute": "60", "tokens_per_minute": "90000"}
    response = alice.post(NEW, FIELDS | limits | {"creation_key": str(uuid4())})
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    text = KEY.findall(page(response))[0]
    record = look_up(text)
    assert record.scopes == {Scope.INFERENCE_INVOKE, Scope.MODELS_READ}
    assert (record.name, record.app_name, record.requests_per_minute, record.tokens_per_minute) == (
        "production",
        "intake-service",
        60,
        90000,
    )
    key = ApiKey.objects.get()
    assert key.expires_at is not None
    assert key.expires_at.isoformat() == f"{day}T23:59:59+00:00"
    assert (key.created_by, key.app.created_by) == (cast.alice, cast.alice)
    for words in ("http://127.0.0.1:8000/v1/chat/completions", 'base_url="http://127.0.0.1:8000/v1"', 'base_url="http://127.0.0.1:8000",'):
        assert words in page(response).replace("&quot;", '"')


def test_the_key_is_shown_once(alice: Client, cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    """A11, A10: not on a later page, not in the audit log, not in a log line, not in the session."""
    text = KEY.findall(page(alice.post(NEW, FIELDS)))[0]
    secret = text[20:]
    app, key = ApiApp.objects.get(), ApiKey.objects.get()
    for path in (APPS, f"{APPS}{app.pk}/", f"{APPS}{app.pk}/keys/{key.pk}/", f"{APPS}{app.pk}/keys/{key.pk}/revoke/", NEW):
        assert secret not in page(alice.get(path)), path
    assert secret not in str(list(AuditEvent.objects.values()))
    assert secret not in str(dict(alice.session))
    assert secret not in caplog.text
    listed = page(alice.get(APPS))
    assert f"pb_…{text[-4:]}" in listed
    assert "Active" in listed


def test_a_form_sent_twice_makes_one_key(alice: Client) -> None:
    twice = FIELDS | {"creation_key": str(uuid4())}
    text = KEY.findall(page(alice.post(NEW, twice)))[0]
    again = alice.post(NEW, twice)
    assert again.status_code == 409
    assert "This key was made already" in page(again)
    assert not KEY.findall(page(again))
    assert (ApiApp.objects.count(), ApiKey.objects.count()) == (1, 1)
    app = ApiApp.objects.get()
    third = {"key_name": "batch", "creation_key": str(uuid4())}
    statuses = [alice.post(f"{APPS}{app.pk}/keys/new/", third).status_code for _ in range(2)]
    assert (statuses, ApiKey.objects.count()) == ([200, 409], 2)
    assert look_up(text).id


@pytest.mark.django_db(transaction=True)
def test_a_double_click(transactional_cast: Cast) -> None:
    windows = browsers(transactional_cast.alice, 4)
    confirm(windows[0])
    for window in windows[1:]:
        window.cookies = windows[0].cookies.copy()
    body = FIELDS | {"creation_key": str(uuid4())}
    answers = post_at_once(windows, NEW, [body] * 4)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert (ApiApp.objects.count(), ApiKey.objects.count()) == (1, 1)


def test_another_workspace_cannot_reach_a_key_by_its_form(alice: Client, cast: Cast, client_for: ClientFor) -> None:
    """The same token in another workspace is another key."""
    body = FIELDS | {"creation_key": str(UUID(int=7))}
    alice.post(NEW, body)
    answer = confirm(client_for(cast.charlie)).post("/w/other/settings/api-apps/new/", body)
    assert answer.status_code == 200
    assert ApiKey.objects.count() == 2


def test_the_password_comes_first(cast: Cast, client_for: ClientFor) -> None:
    """D5. What was filled in for too long comes back filled in."""
    client = client_for(cast.alice)
    asked = client.get(NEW)
    assert asked.headers["Location"].startswith("/account/confirm/?next=")
    late = client.post(NEW, FIELDS)
    assert late.status_code == 302
    assert not ApiKey.objects.exists()
    back = client.get(late.headers["Location"])
    confirmed = client.post(back.headers["Location"], {"password": PASSWORD, "next": late.headers["Location"]})
    form = page(client.get(confirmed.headers["Location"]))
    assert 'value="intake-service"' in form
    assert len(re.findall(r'name="scopes"[^>]* checked', form)) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "x" * 121}, "Use at most 120 characters"),
        ({"name": "a\u202eb"}, "invisible characters"),
        ({"key_name": " "}, "Enter a name."),
        ({"scopes": []}, "Choose at least one scope."),
        ({"scopes": ["root:all"]}, "root:all is not one of the available choices"),
        ({"expires": "2020-01-01"}, "This day is over."),
        ({"expires": "2999-01-01"}, "within 10 years"),
        ({"expires": "soon"}, "Enter a valid date."),
        ({"requests_per_minute": "0"}, "greater than or equal to 1"),
        ({"tokens_per_minute": "99999999999"}, "less than or equal to"),
        ({"name": "Taken"}, "already has an API app named “Taken”"),
    ],
)
def test_a_refused_form_says_why(wrong: dict[str, Any], words: str, alice: Client, cast: Cast) -> None:
    create_api_app(cast.harbor, name="TAKEN", scopes=[Scope.MODELS_READ], maker=cast.alice, actor=actor(cast.alice))
    response = alice.post(NEW, FIELDS | wrong)
    assert response.status_code == 422
    assert words in page(response).replace("&#x27;", "'")
    assert not ApiKey.objects.exists()


def test_nobody_gives_more_than_they_have(cast: Cast) -> None:
    """D3"""
    with pytest.raises(ScopesRefused, match="audit:read"):
        create_api_app(cast.harbor, name="App", scopes=[Scope.MODELS_READ, Scope.AUDIT_READ], maker=cast.bob, actor=actor(cast.bob))
    with pytest.raises(ScopesRefused):
        create_api_app(cast.harbor, name="App", scopes=[Scope.MODELS_READ], maker=cast.charlie, actor=actor(cast.charlie))
    assert not ApiApp.objects.exists()


# What becomes of them


def test_the_states_of_keys(alice: Client, cast: Cast) -> None:
    app = make_new_key(cast.harbor, cast.alice, (Scope.INFERENCE_INVOKE, Scope.AUDIT_READ)).key.app
    add_key(app, cast.alice, KeyTerms("Soon", expires_at=timezone.now() + timedelta(days=3)))
    expired = add_key(app, cast.alice, KeyTerms("Late")).key
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(days=1))
    revoke_api_key(add_key(app, cast.alice, KeyTerms("Gone")).key, actor=actor(cast.alice))
    add_key(app, cast.adam, KeyTerms("Powerless"))
    add_key(app, cast.bob, KeyTerms("Less"))
    change_role(Membership.objects.get(workspace=cast.harbor, user=cast.adam), role=Role.VIEWER, actor=actor(cast.alice))
    rows = {row[: row.index("<")]: row for row in re.split(r'<td><div class="cell-main"><div><[^>]*>', page(alice.get(APPS)))[1:]}
    for name, words in {
        "Production": "Active",
        "Soon": "Expires soon",
        "Late": "Expired",
        "Gone": "Revoked",
        "Powerless": "Adam Admin may not call any more",
        "Less": "1 of 2 scopes",
    }.items():
        assert words in rows[name], name


def test_an_app_is_edited(alice: Client, cast: Cast) -> None:
    app = make_new_key(cast.harbor, cast.alice).key.app
    url = f"{APPS}{app.pk}/"
    changed = {"name": "Renamed", "description": "Claims", "scopes": ["traces:read"], "version": "1"}
    assert alice.post(url, changed).headers["Location"] == APPS
    app.refresh_from_db()
    assert (app.name, app.description, app.scopes, app.version) == ("Renamed", "Claims", ["traces:read"], 2)
    conflict = alice.post(url, changed | {"name": "Late"})
    assert conflict.status_code == 422
    assert "Somebody changed this API app" in page(conflict)
    event = AuditEvent.objects.get(event="api_app.updated")
    assert event.changes["scopes"] == {"before": ["inference:invoke"], "after": ["traces:read"]}


def test_a_key_gets_other_limits(alice: Client, cast: Cast) -> None:
    key = make_new_key(cast.harbor, cast.alice).key
    url = f"{APPS}{key.app_id}/keys/{key.pk}/"
    assert alice.post(url, {"key_name": "batch", "requests_per_minute": "5"}).headers["Location"] == APPS
    key.refresh_from_db()
    assert (key.name, key.requests_per_minute, key.expires_at) == ("batch", 5, None)
    revoke_api_key(key, actor=actor(cast.alice))
    refused = alice.post(url, {"key_name": "again"})
    assert refused.status_code == 422
    assert "This key is revoked" in page(refused)


def test_an_end_that_stays_is_no_change(alice: Client, cast: Cast) -> None:
    """The form knows the day only; saved as it is, the moment stays."""
    end = timezone.now() + timedelta(days=9)
    key = make_new_key(cast.harbor, cast.alice, terms=KeyTerms("production", expires_at=end)).key
    alice.post(f"{APPS}{key.app_id}/keys/{key.pk}/", {"key_name": "production", "expires": end.date().isoformat()})
    assert not AuditEvent.objects.filter(event="api_app.key_updated").exists()


def test_revoking_and_deleting(alice: Client, cast: Cast) -> None:
    new = make_new_key(cast.harbor, cast.alice)
    add_key(new.key.app, cast.alice, KeyTerms("Other"))
    dialog = page(alice.get(f"{APPS}{new.key.app_id}/keys/{new.key.pk}/revoke/"))
    assert "1 other key of this app" in dialog
    assert alice.post(f"{APPS}{new.key.app_id}/keys/{new.key.pk}/revoke/").status_code == 302
    new.key.refresh_from_db()
    assert new.key.revoked_at
    url = f"{APPS}{new.key.app_id}/delete/"
    assert "Other" in page(alice.get(url))
    assert alice.post(url).status_code == 302
    assert not ApiKey.objects.exists()
    assert len(AuditEvent.objects.get(event="api_app.deleted").changes["keys"]["after"]) == 2


def test_a_key_is_found_through_its_own_app(alice: Client, cast: Cast) -> None:
    """D2"""
    ours, other = make_new_key(cast.harbor, cast.alice).key, make_new_key(cast.harbor, cast.alice).key
    theirs = make_new_key(cast.other, cast.charlie).key
    for app, key in ((other.app_id, ours.pk), (theirs.app_id, theirs.pk), (ours.app_id, theirs.pk), (ours.app_id, "0" * 16)):
        for action in ("", "revoke/"):
            assert alice.post(f"{APPS}{app}/keys/{key}/{action}").status_code == 404


def test_names_are_text(alice: Client, cast: Cast) -> None:
    app = create_api_app(
        cast.harbor, name="<b>x</b>", scopes=[Scope.MODELS_READ], maker=cast.alice, actor=actor(cast.alice), description="\u202eevil"
    )
    listed = page(alice.get(APPS))
    assert "<b>x</b>" not in listed
    assert "&lt;U+202E&gt;evil" in listed
    assert app.name in str(app)


# The command


def run(*args: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_key", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_prints_only_the_key(cast: Cast) -> None:
    scopes = "inference:invoke,models:read"
    out, err = run("--workspace", "harbor", "--name", "ci", "--scopes", scopes, "--app", "Pipelines", "--expires", "30")
    assert KEY.fullmatch(out.rstrip("\n"))
    assert out[20:].strip() not in err
    record = look_up(out.strip())
    assert (record.name, record.app_name, record.maker_name) == ("ci", "Pipelines", "Alice Owner")
    assert record.expires_at is not None
    event = AuditEvent.objects.get(event="api_app.key_created")
    assert (event.actor_kind, event.target_name) == ("system", "ci")
    again, _ = run("--workspace", "harbor", "--name", "ci 2", "--scopes", scopes, "--app", "pipelines", "--user", "ADAM@harbor.test")
    assert look_up(again.strip()).maker_name == "Adam Admin"
    assert ApiApp.objects.count() == 1
    assert AuditEvent.objects.filter(event="api_app.key_created").latest("sequence").actor_name == "Adam Admin"


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--workspace", "nowhere"], "no workspace with the slug nowhere"),
        (["--scopes", "inference:invoke,root"], "no scope root"),
        (["--scopes", " , "], "at least one scope"),
        (["--expires", "0"], "1 to 3650 days"),
        (["--user", "charlie@harbor.test"], "not an active member"),
        (["--user", "bob@harbor.test", "--scopes", "audit:read"], "Bob Member may not give audit:read"),
        (["--name", ""], "Enter a name."),
        (["--app", "Pipelines", "--scopes", "audit:read"], "has other scopes: models:read"),
    ],
)
def test_what_the_command_refuses(args: list[str], why: str, cast: Cast) -> None:
    create_api_app(cast.harbor, name="Pipelines", scopes=[Scope.MODELS_READ], maker=cast.alice, actor=actor(cast.alice))
    with pytest.raises(CommandError, match=why) as caught:
        run(*["--workspace", "harbor", "--name", "ci", *args])
    assert caught.value.returncode == 1
    assert not ApiKey.objects.exists()


def test_a_workspace_without_an_owner_needs_a_person(cast: Cast) -> None:
    Membership.objects.filter(workspace=cast.harbor, role=Role.OWNER).delete()
    with pytest.raises(CommandError, match="no active owner"):
        run("--workspace", "harbor", "--name", "ci")


def test_limits_reach_the_next_call(cast: Cast) -> None:
    new = make_new_key(cast.harbor, cast.alice)
    update_api_key(new.key, terms=KeyTerms("Production", tokens_per_minute=7), actor=actor(cast.alice))
    announce(str(cast.harbor.pk))
    assert look_up(new.text.show()).tokens_per_minute == 7
