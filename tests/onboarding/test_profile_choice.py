"""Spec 02, *Authorization profile* on the integration page, and spec 07 A8: its credentials and the page's go where they were meant to."""

import pytest

from apps.accounts.models import Workspace
from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationProfile, Connection, ConnectionSecret
from apps.connections.profile_actions import ProfileValues, create_profile
from apps.core.secrets import Secret
from apps.external_models.models import ExternalModel
from apps.inference.models import TestRun
from tests.conftest import ClientFor
from tests.onboarding.conftest import allow_loopback
from tests.support.cast import Cast
from tests.support.models import author
from tests.support.page import read
from tests.support.provider import RunningProvider, running_provider
from tests.support.sheet import Sheet

TOKEN = "tok-of-the-workspace-4711"
KEY = "hk-typed-into-headers-0815"


def bearer(workspace: Workspace, by: object, *origins: str, name: str = "Gateway", token: str = TOKEN) -> AuthorizationProfile:
    secrets = {"token": Secret(token)} if token else {}
    return create_profile(workspace, name=name, type_name="bearer", values=ProfileValues({}, origins, secrets), by=author(by))  # type: ignore[arg-type]


@pytest.fixture
def profile(cast: Cast, allowed: RunningProvider) -> AuthorizationProfile:
    return bearer(cast.harbor, cast.alice, allowed.url)


def echo(sheet: Sheet, provider: RunningProvider, profile: AuthorizationProfile | None, *, key: str = "") -> Sheet:
    """A page that asks the echo, by this profile, and with a secret header of its own where there is a key."""
    sheet.fill(name="Echo", url=f"{provider.url}/echo", body='{"ask": "{{prompt}}"}', output_path="body")
    sheet.fields["authorization_profile"] = str(profile.pk) if profile else ""
    return sheet.fill(h_1_key="X-Harbor-Key", h_1_value=key, h_1_secret="on") if key else sheet


def sent(provider: RunningProvider, header: str) -> list[str]:
    return [recorded.request.header(header) for recorded in provider.recorded]


def test_a_member_uses_a_profile_without_seeing_it(
    cast: Cast, client_for: ClientFor, scripts: bool, allowed: RunningProvider, profile: AuthorizationProfile
) -> None:
    """Chosen, tested, confirmed: the connection has it, calls carry it, the page never does (A6)."""
    sheet = Sheet(client_for(cast.bob), scripts=scripts).open()
    assert "Gateway (Bearer token)" in sheet.text
    echo(sheet, allowed, profile).test(prompt="Hail")
    assert (sheet.failure, sheet.state) == ("", "current")
    sheet.save("confirm")
    assert sheet.location == "/w/harbor/models/", sheet.text
    connection = Connection.objects.get()
    assert connection.authorization_profile == profile
    sheet.client.post(f"/w/harbor/models/{connection.model_id}/connections/{connection.pk}/test/")
    assert sent(allowed, "authorization") == [f"Bearer {TOKEN}"] * 2
    again = Sheet(sheet.client).open(connection.model_id)
    assert (again.fields["authorization_profile"], again.state) == (str(profile.pk), "current")
    assert TOKEN not in sheet.seen + again.seen
    assert AuditEvent.objects.get(event="connection.added").changes["authorization profile"] == {"after": "Gateway"}


def test_the_sections_stand_in_the_order_of_the_spec(sheet: Sheet) -> None:
    titles = [heading.text for heading in read_sheet(sheet).all("h2")]
    assert titles[:4] == ["General", "Authorization profile", "Headers", "Model configurations"]


def test_one_that_is_not_configured_says_so(either: Sheet, cast: Cast, allowed: RunningProvider) -> None:
    """Shown beside it; Test says why instead of sending. It may be saved: an admin can configure it later."""
    profile = bearer(cast.harbor, cast.alice, allowed.url, token="")
    echo(either, allowed, profile).press("configure")
    assert "Not configured. Enter it again: Token." in either.text
    either.press("sample")
    assert "Gateway is not configured" in either.problem("authorization_profile")
    assert allowed.recorded == []
    either.save("untested")
    assert Connection.objects.get().state == "not_configured"
    assert "Gateway (Bearer token), not configured" in Sheet(either.client).open(ExternalModel.objects.get().pk).text


def test_it_goes_to_its_hosts_only(either: Sheet, allowed: RunningProvider, profile: AuthorizationProfile) -> None:
    """A8: whoever edits a model cannot send the workspace's credentials to a server of their own."""
    with running_provider() as own:
        allow_loopback(own.port)
        echo(either, own, profile)
        for press in [lambda: either.press("sample"), lambda: either.press("test"), lambda: either.save("untested")]:
            press()
            assert either.status == 422
            assert f"Gateway may not be used for http://127.0.0.1:{own.port}" in either.problem("authorization_profile")
        assert own.recorded == []
    assert not ExternalModel.objects.exists()


def test_another_workspaces_profile_is_never_found(either: Sheet, cast: Cast, allowed: RunningProvider) -> None:
    """D2: foreign and missing are the same, and nothing of it is sent or kept, not even in a draft."""
    foreign = bearer(cast.other, cast.charlie, allowed.url, name="Not yours")
    assert "Not yours" not in either.text
    messages = set()
    for chosen in [str(foreign.pk), "5d1b1c1e-0000-4000-8000-000000000000", "nonsense"]:
        echo(either, allowed, None)
        either.fields["authorization_profile"] = chosen
        for press in [lambda: either.press("test"), lambda: either.save("draft"), lambda: either.save("untested")]:
            press()
            assert either.status == 422
            messages.add(either.problem("authorization_profile"))
            either.fields["authorization_profile"] = chosen
    assert messages == {"This authorization profile is not there any more. Choose another one, or None."}
    assert (allowed.recorded, ExternalModel.objects.count()) == ([], 0)


def test_a_changed_profile_takes_the_stored_key_away(
    either: Sheet, cast: Cast, allowed: RunningProvider, profile: AuthorizationProfile
) -> None:
    """A8: the page asks for the secret headers again; what a save does not bring along is cleared."""
    echo(either, allowed, None, key=KEY).test(prompt="Hail").save("confirm")
    model = ExternalModel.objects.get()
    edit = Sheet(either.client, scripts=either.scripts).open(model.pk)
    assert edit.state == "current"
    edit.fields["authorization_profile"] = str(profile.pk)
    edit.press("sample")
    assert "Enter the secret value" in edit.problem("h-1-value")
    edit.fill(h_1_value="hk-for-the-gateway-1").test(prompt="Hail")
    assert edit.failure == ""
    edit.save("confirm")
    assert edit.location == "/w/harbor/models/", edit.text
    assert sent(allowed, "x-harbor-key") == [KEY, "hk-for-the-gateway-1"]
    assert sent(allowed, "authorization") == ["", f"Bearer {TOKEN}"]

    back = Sheet(either.client).open(model.pk)
    back.fields["authorization_profile"] = ""
    del back.fields["h-1-key"], back.fields["h-1-value"], back.fields["h-1-secret"]
    back.save("untested")
    assert back.location == "/w/harbor/models/", back.text
    assert not ConnectionSecret.objects.exists()
    assert Connection.objects.get().authorization_profile is None


def test_a_key_typed_for_one_profile_does_not_go_along_with_another(
    either: Sheet, cast: Cast, allowed: RunningProvider, profile: AuthorizationProfile
) -> None:
    """A8 for what is typed but not saved yet."""
    other = bearer(cast.harbor, cast.alice, allowed.url, name="Other", token="tok-other-0000-0000")
    echo(either, allowed, profile, key=KEY).test(prompt="Hail")
    either.fields |= {"authorization_profile": str(other.pk), "h-1-value": ""}
    either.press("sample")
    assert "Enter the secret value" in either.problem("h-1-value")
    either.fields["authorization_profile"] = str(profile.pk)
    either.test(prompt="Hail")
    assert sent(allowed, "x-harbor-key") == [KEY, KEY]


def test_an_edited_profile_needs_a_new_test(sheet: Sheet, allowed: RunningProvider, profile: AuthorizationProfile) -> None:
    echo(sheet, allowed, profile).test(prompt="Hail")
    assert sheet.state == "current"
    AuthorizationProfile.objects.update(version=2)
    assert sheet.press("configure").state == "stale"


def test_what_a_profile_fills_in_of_the_address_is_not_asked_for(sheet: Sheet, cast: Cast, allowed: RunningProvider) -> None:
    row = {"location": "path", "name": "tenant", "prefix": "", "secret": False, "value": "echo"}
    values = ProfileValues({"keys": [row]}, (allowed.url,), {})
    profile = create_profile(cast.harbor, name="Tenant", type_name="custom_keys", values=values, by=author(cast.alice))
    echo(sheet, allowed, profile).fill(url=f"{allowed.url}/{{tenant}}").press("address")
    assert "p-tenant" not in sheet.fields
    assert sheet.test(prompt="Hail").failure == ""
    assert allowed.recorded[-1].request.path == "/echo"
    sheet.fields["authorization_profile"] = ""
    sheet.press("sample")
    assert "Give a value for tenant below" in sheet.problem("url")


def test_no_key_header_is_offered_beside_a_profile(sheet: Sheet, profile: AuthorizationProfile) -> None:
    sheet.fields |= {"configuration": "structure", "structure": "anthropic", "authorization_profile": str(profile.pk)}
    sheet.press("configure")
    offered = [button["value"] for button in read_sheet(sheet).all("button", name="offer")]
    assert offered == ["anthropic-version"]


def test_a_profile_deleted_meanwhile(sheet: Sheet, allowed: RunningProvider, profile: AuthorizationProfile) -> None:
    echo(sheet, allowed, profile).test(prompt="Hail")
    profile.delete()
    sheet.save("confirm")
    assert sheet.status == 422
    assert "not there any more" in sheet.problem("authorization_profile")
    assert TestRun.objects.count() == 1


def read_sheet(sheet: Sheet) -> object:
    return read(type("Answer", (), {"content": sheet.html.encode()}))
