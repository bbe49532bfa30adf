"""Settings, Authorization profiles (spec 03): the table, adding, editing, deleting; what happens to secrets (07 A6, A8)."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.models import AuthorizationProfile, Connection, ProfileSecret, ProfileToken
from apps.connections.profile_actions import ProfileValues, update_profile
from apps.connections.profile_types import TYPES
from apps.core.secrets import Secret
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.models import actor, definition, make_connection, make_model
from tests.support.page import read
from tests.support.profiles import connected, make_profile

LIST = "/w/harbor/settings/authorization-profiles/"
ADD = f"{LIST}add/"
# What is typed for each type, besides name and allowed hosts.
TYPED: dict[str, dict[str, str]] = {
    "api_key": {"location": "header", "key_name": "X-Api-Key", "prefix": "", "key": "sk-live-4711-MQAA"},
    "bearer": {"token": "tk-live-4711-MQAA"},
    "basic": {"user": "harbor", "password": "pä ss"},
    "custom_keys": {"keys-0-location": "query", "keys-0-name": "api_key", "keys-0-lead": "", "keys-0-value": "k4711"},
    "client_credentials": {
        "token_url": "https://id.example.com/oauth2/token",
        "client_id": "patchbay-claims",
        "client_secret": "cs-live-4711-MQAA",
        "client_authentication": "header",
        "scope": "models.invoke",
        "audience": "",
        "refused_statuses": "401, 403",
        "token_fields-0-name": "resource",
        "token_fields-0-value": "urn:claims",
        "authorization_fields-3-location": "header",
        "authorization_fields-3-name": "X-Token",
        "authorization_fields-3-value": "Bearer {{access_token}}",
    },
    "authorization_code": {
        "authorization_url": "https://id.example.com/authorize",
        "token_url": "https://id.example.com/oauth2/token",
        "refresh_url": "",
        "client_id": "patchbay-claims",
        "client_secret": "",
        "client_authentication": "body",
        "scope": "",
        "audience": "",
        "refused_statuses": "401",
    },
    "aws_sigv4": {
        "access_key": "AKIDEXAMPLE",
        "secret_key": "wJalrXUtnFEMI-EXAMPLEKEY",
        "session_token": "",
        "region": "eu-west-1",
        "service": "execute-api",
    },
}


@pytest.fixture
def adam(cast: Cast, client_for: ClientFor) -> Client:
    return client_for(cast.adam)


def add(client: Client, type_name: str, name: str = "Claims gateway", hosts: str = "api.example.com", **typed: str) -> Any:
    return client.post(ADD, {"type": type_name, "name": name, "allowed_origins": hosts} | TYPED[type_name] | typed)


def edit(client: Client, profile: AuthorizationProfile, **typed: str) -> Any:
    """The edit page as it is, with these fields typed over; secrets stay empty unless given."""
    url = reverse("connections:profile_edit", args=["harbor", profile.pk])
    secret = {field.name for field in profile.spec.fields if field.kind == "secret"}
    kept = {name: value for name, value in TYPED[profile.type].items() if name not in secret}
    if profile.type == "custom_keys":
        kept |= {"keys-0-value": ""}
    return client.post(url, {"version": str(profile.version), "allowed_origins": "api.example.com"} | kept | typed)


def errors(response: Any) -> list[str]:
    assert response.status_code == 422
    return [error.text for error in read(response).all("p", class_="error")]


def now(profile: AuthorizationProfile) -> AuthorizationProfile:
    return AuthorizationProfile.objects.get(pk=profile.pk)


@pytest.mark.parametrize("type_name", TYPES)
def test_each_type_is_added(type_name: str, adam: Client, cast: Cast) -> None:
    response = add(adam, type_name)
    profile = AuthorizationProfile.objects.get()
    assert response["Location"] == (f"{LIST}{profile.pk}/#edit" if type_name == "authorization_code" else LIST)
    assert (profile.name, profile.type, profile.created_by) == ("Claims gateway", type_name, cast.adam)
    assert profile.allowed_origins == ["https://api.example.com:443"]
    typed = [
        value
        for name, value in TYPED[type_name].items()
        if name in {"key", "token", "password", "keys-0-value", "client_secret", "secret_key"}
    ]
    assert list(profile.stored_secrets().values()) == [Secret(value) for value in typed if value]
    assert not [value for value in typed if value and value in str(profile.settings)]
    assert profile.is_configured is (type_name != "authorization_code")
    page = adam.get(LIST).content.decode()
    assert "Claims gateway is added" in page
    assert ("Not configured" in page) is (type_name == "authorization_code")
    event = AuditEvent.objects.get(event="authorization_profile.created")
    assert (event.actor_name, event.target_name) == ("Adam Admin", "Claims gateway")
    assert event.changes["Allowed hosts"]["after"] == ["https://api.example.com:443"]
    assert not [value for value in typed if value and value in str(event.changes)]


@pytest.mark.parametrize("type_name", TYPES)
def test_every_required_field_shows_its_own_error(type_name: str, adam: Client) -> None:
    said = errors(adam.post(ADD, {"type": type_name}))
    spec = TYPES[type_name]  # type: ignore[index]  # a TextChoices member is its value
    wanted = [field.missing for field in spec.fields if field.missing] + [rows.missing for rows in spec.rows if rows.missing]
    assert {*wanted, "Enter a name, such as Claims gateway."} <= {text.replace("\u2019", "'") for text in said}
    assert any("host that calls with this profile may go to" in text for text in said)
    assert not AuthorizationProfile.objects.exists()


def test_without_a_type_it_is_chosen_first(adam: Client) -> None:
    page = read(adam.get(ADD))
    assert [each.attrs["value"] for each in page.all("input") if each.attrs.get("name") == "type"] == list(TYPES)
    assert adam.get(ADD, {"type": "kerberos"}).status_code == 200


REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("api_key", {"key_name": "X Api Key"}, "letters, digits and hyphens only"),
    ("api_key", {"key_name": "Host"}, "cannot be chosen"),
    ("api_key", {"location": "query", "key_name": "a=b"}, "query parameter"),
    ("api_key", {"location": "body"}, "Select a valid choice"),
    ("api_key", {"key": "••••••••"}, "This is a mask"),
    ("api_key", {"key": "schlüssel"}, "printable ASCII"),
    ("bearer", {"token": "tk-…MQAA"}, "This is a mask"),
    ("custom_keys", {"keys-0-value": ""}, "Enter the value"),
    ("custom_keys", {"keys-0-name": ""}, "Enter the name"),
    ("custom_keys", {"keys-0-location": "path", "keys-0-name": "{tenant}"}, "stands in braces"),
    ("custom_keys", {"keys-0-location": "cookie"}, "Select a valid choice"),
    ("custom_keys", {"keys-1-location": "query", "keys-1-name": "api_key", "keys-1-value": "b"}, "there twice"),
    ("client_credentials", {"token_url": "id.example.com"}, "does not begin with https"),
    ("client_credentials", {"token_url": "http://id.example.com/token"}, "not allowed"),
    ("client_credentials", {"token_url": "https://169.254.169.254/token"}, "not allowed"),
    ("client_credentials", {"refused_statuses": "200"}, "from 400 to 599"),
    ("client_credentials", {"token_fields-0-name": "grant_type"}, "is there already"),
    ("client_credentials", {"authorization_fields-3-value": "{{access_token}} twice {{access_token}}"}, "at the end of the value"),
    ("authorization_code", {"refresh_url": "https://other.example.com/token"}, "token URL's host"),
]


@pytest.mark.parametrize(("type_name", "typed", "words"), REFUSED, ids=lambda value: "" if isinstance(value, str) else "-".join(value))
def test_what_cannot_work_is_refused(type_name: str, typed: dict[str, str], words: str, adam: Client) -> None:
    response = add(adam, type_name, **typed)
    assert any(words in text.replace("\u2019", "'") for text in errors(response)), errors(response)
    html = response.content.decode()
    for secret in ("sk-live-4711", "tk-live-4711", "cs-live-4711", "k4711"):
        assert secret not in html  # A6: what was typed into a refused form is typed again


def test_an_address_that_is_not_allowed_is_audited(adam: Client) -> None:
    """B7, also when the form stops it before any call."""
    errors(add(adam, "client_credentials", hosts="localhost", token_url="https://169.254.169.254/token?key=4711"))
    event = AuditEvent.objects.get(event="egress.refused")
    assert (event.outcome, event.target_name, event.changes["host"]["after"]) == ("refused", "Claims gateway", "localhost, 169.254.169.254")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("api.example.com", ["https://api.example.com:443"]),
        ("https://API.example.com:8443", ["https://api.example.com:8443"]),
        (
            "a.example.com, b.example.com:8443;a.example.com\tc.example.com",
            ["https://a.example.com:443", "https://b.example.com:8443", "https://c.example.com:443"],
        ),
        ("https://api.example.com/", ["https://api.example.com:443"]),
        ("https://api.example.com/v1", "without a path"),
        ("http://api.example.com", "not allowed"),
        ("*.example.com", "not a valid name"),
        ("user@api.example.com", "user name"),
        ("localhost", "not allowed"),
        (" , ", "host"),
    ],
)
def test_allowed_hosts(typed: str, stored: list[str] | str, adam: Client) -> None:
    """A8: the origins that calls may go to, read as strictly as a call reads them."""
    response = add(adam, "bearer", hosts=typed)
    if isinstance(stored, str):
        assert any(stored in text for text in errors(response)), errors(response)
    else:
        assert AuthorizationProfile.objects.get().allowed_origins == stored


def test_a_name_is_unique_without_case(adam: Client) -> None:
    add(adam, "bearer")
    assert any("already has an authorization profile" in text for text in errors(add(adam, "basic", name="CLAIMS gateway")))


def test_name_and_type_stay_and_empty_secrets_are_kept(adam: Client) -> None:
    """A6."""
    add(adam, "api_key")
    profile = AuthorizationProfile.objects.get()
    before = ProfileSecret.objects.get().value
    AuthorizationProfile.objects.update(allowed_origins=["https://api.example.com:443", "https://two.example.com:443"])
    assert edit(adam, profile, name="Other", type="bearer", prefix="Token", allowed_origins="two.example.com").status_code == 302
    after = now(profile)
    assert (after.name, after.type, after.version) == ("Claims gateway", "api_key", 2)
    assert after.settings["prefix"] == "Token"
    assert ProfileSecret.objects.get().value == before
    changes = AuditEvent.objects.get(event="authorization_profile.updated").changes
    assert set(changes) == {"Prefix", "Allowed hosts"}
    assert changes["Allowed hosts"] == {
        "before": ["https://api.example.com:443", "https://two.example.com:443"],
        "after": ["https://two.example.com:443"],
    }


def test_a_stored_secret_never_comes_back(adam: Client) -> None:
    add(adam, "custom_keys")
    page = adam.get(reverse("connections:profile_edit", args=["harbor", AuthorizationProfile.objects.get().pk]))
    assert "k4711" not in page.content.decode()
    assert "Set, leave empty to keep it" in page.content.decode()


def test_an_edit_of_something_that_changed_meanwhile_is_refused(adam: Client) -> None:
    add(adam, "bearer")
    profile = AuthorizationProfile.objects.get()
    edit(adam, profile)
    response = edit(adam, profile, token="tk-late-4711-MQAA")
    assert response.status_code == 422
    assert "Somebody changed this profile" in response.content.decode()


def test_the_client_secret_does_not_follow_to_another_host(adam: Client) -> None:
    """A8: the token URL's host changed, so the client secret is entered again or gone."""
    add(adam, "client_credentials")
    profile = AuthorizationProfile.objects.get()
    token = ProfileToken.objects.create(profile=profile, profile_version=1, access_token="pb1.a.b.c")
    assert edit(adam, profile, token_url="https://id.example.com/v2/token").status_code == 302  # the same host: kept
    assert now(profile).is_configured
    assert not ProfileToken.objects.filter(pk=token.pk).exists()
    assert any("enter this again" in text for text in errors(edit(adam, now(profile), token_url="https://evil.example.com/token")))
    entered = edit(adam, now(profile), token_url="https://evil.example.com/token", client_secret="cs-other-4711-MQAA")
    assert entered.status_code == 302
    assert now(profile).stored_secrets() == {"client_secret": Secret("cs-other-4711-MQAA")}


def stored_for(adam: Client, type_name: str) -> AuthorizationProfile:
    """Each kind of profile with everything that it can hold, tokens among it."""
    more = {
        "client_credentials": {
            "token_fields-1-name": "user_password",
            "token_fields-1-value": "pw-4711",
            "authorization_fields-4-location": "header",
            "authorization_fields-4-name": "X-Api-Key",
            "authorization_fields-4-value": "k-4711",
        },
        "authorization_code": {"client_secret": "cs-live-4711-MQAA"},
        "aws_sigv4": {"session_token": "st-live-4711-MQAA"},
    }
    assert add(adam, type_name, **more.get(type_name, {})).status_code == 302
    profile = AuthorizationProfile.objects.get()
    if profile.spec.has_tokens:
        ProfileToken.objects.create(profile=profile, profile_version=1, access_token="pb1.a.b.c", refresh_token="pb1.a.b.d")
        AuthorizationProfile.objects.update(problem="")
    return now(profile)


ROWS_STAY = {
    "token_fields-1-name": "user_password",
    "token_fields-1-value": "",
    "authorization_fields-4-location": "header",
    "authorization_fields-4-name": "X-Api-Key",
    "authorization_fields-4-value": "",
}
# What goes to the allowed hosts, or gets tokens that do: asked for again with a new host, and what of it is typed here.
AGAIN: dict[str, dict[str, str]] = {
    "api_key": {"key": "sk-live-4712-MQAA"},
    "bearer": {"token": "tk-live-4712-MQAA"},
    "basic": {"password": "pw-4712"},
    "custom_keys": {"keys-0-value": "k4712"},
    "client_credentials": {"client_secret": "cs-live-4712-MQAA", "authorization_fields-4-value": "k-4712"},
    "authorization_code": {},
    "aws_sigv4": {"secret_key": "wJalrXUtnFEMI-OTHER"},
}


@pytest.mark.parametrize("type_name", TYPES)
def test_a_stored_secret_does_not_go_to_a_host_that_is_added(type_name: str, adam: Client) -> None:
    """A8: whoever adds a host enters again what calls to it carry; tokens go, and for an authorization code somebody consents again."""
    profile = stored_for(adam, type_name)
    again = AGAIN[type_name]
    rows = ROWS_STAY if type_name == "client_credentials" else {}
    hosts = "api.example.com, two.example.com"
    if again:
        said = errors(edit(adam, profile, **rows, allowed_origins=hosts))
        assert said == ["There is another host now, so enter this again."] * len(again)
        assert now(profile).allowed_origins == ["https://api.example.com:443"]
        assert now(profile).is_configured
    assert edit(adam, profile, **rows | again, allowed_origins=hosts).status_code == 302
    after = now(profile)
    assert len(after.allowed_origins) == 2
    stays = {"client_credentials": ["pw-4711"], "authorization_code": ["cs-live-4711-MQAA"]}.get(type_name, [])
    stored, wanted = list(after.stored_secrets().values()), [Secret(value) for value in [*again.values(), *stays]]
    assert (len(stored), [secret for secret in wanted if secret not in stored]) == (len(wanted), [])
    assert not ProfileToken.objects.exists()
    assert after.is_configured is (type_name != "authorization_code")


@pytest.mark.parametrize("type_name", TYPES)
def test_a_host_that_is_taken_away_leaves_the_secrets(type_name: str, adam: Client) -> None:
    profile = stored_for(adam, type_name)
    rows = ROWS_STAY if type_name == "client_credentials" else {}
    AuthorizationProfile.objects.update(allowed_origins=["https://api.example.com:443", "https://two.example.com:443"])
    before = profile.stored_secrets()
    assert edit(adam, profile, **rows).status_code == 302
    assert (now(profile).allowed_origins, now(profile).stored_secrets()) == (["https://api.example.com:443"], before)
    assert now(profile).is_configured
    assert ProfileToken.objects.exists() is profile.spec.has_tokens


@pytest.mark.parametrize(
    ("type_name", "words"),
    [
        ("bearer", "enter the token again"),
        ("custom_keys", "enter the keys again"),
        ("client_credentials", "enter the client secret again"),
        ("authorization_code", "somebody has to allow access again"),
    ],
)
def test_the_form_says_what_another_host_means(type_name: str, words: str, adam: Client) -> None:
    """A8, before anything is lost by it."""
    add(adam, type_name)
    url = reverse("connections:profile_edit", args=["harbor", AuthorizationProfile.objects.get().pk])
    assert words in adam.get(url).content.decode()
    assert words not in adam.get(f"{ADD}?type={type_name}").content.decode()


def test_the_action_itself_clears_what_a_host_was_not_added_for(cast: Cast) -> None:
    """A8, whatever form there is above it. The log says so."""
    profile = make_profile(cast.harbor, cast.alice)
    values = ProfileValues(profile.settings, (*profile.allowed_origins, "https://evil.example.com:443"), {})
    saved = update_profile(profile, values=values, actor=actor(cast.alice), expected_version=1)
    assert saved.reason == "Enter it again: Token."
    assert not ProfileSecret.objects.exists()
    assert AuditEvent.objects.get(event="authorization_profile.updated").changes["secret Token"] == {"after": "cleared"}


@pytest.mark.parametrize("typed", [{"keys-0-name": ""}, {"keys-0-name": "n" * 1001}, {"keys-0-location": "path", "keys-0-name": "{x}"}])
def test_an_edited_row_that_cannot_be_saved_says_so(typed: dict[str, str], adam: Client) -> None:
    add(adam, "custom_keys")
    assert errors(edit(adam, AuthorizationProfile.objects.get(), **{"keys-0-value": "k4712"} | typed))


def test_a_secret_stored_for_another_host_is_none(adam: Client) -> None:
    """A8, also when the settings were changed behind the product's back."""
    add(adam, "client_credentials")
    profile = AuthorizationProfile.objects.get()
    profile.settings["token_url"] = "https://evil.example.com/token"
    profile.save()
    assert now(profile).stored_secrets() == {}
    assert not now(profile).is_configured


def test_keys_of_another_region_are_entered_again(adam: Client) -> None:
    """A8 names the region, too."""
    add(adam, "aws_sigv4")
    profile = AuthorizationProfile.objects.get()
    assert any("region is another one" in text for text in errors(edit(adam, profile, region="us-east-1")))
    assert edit(adam, profile, region="us-east-1", secret_key="wJalrXUtnFEMI-OTHER").status_code == 302
    assert now(profile).is_configured


def test_a_removed_row_takes_its_secret_along(adam: Client) -> None:
    add(adam, "custom_keys", **{"keys-1-location": "header", "keys-1-name": "X-Two", "keys-1-lead": "Key", "keys-1-value": "k4712"})
    profile = AuthorizationProfile.objects.get()
    assert sorted(profile.stored_secrets()) == ["keys/header/x-two", "keys/query/api_key"]
    assert edit(adam, profile).status_code == 302
    assert list(ProfileSecret.objects.values_list("name", flat=True)) == ["keys/query/api_key"]
    moved = {"keys-0-location": "header", "keys-0-name": "api-key"}
    assert any("Enter the value" in text for text in errors(edit(adam, now(profile), **moved)))


def test_a_token_field_may_be_open_or_secret(adam: Client) -> None:
    """What is named like a secret is one, asked or not."""
    more = {
        "token_fields-1-name": "user_password",
        "token_fields-1-value": "pw-4711",
        "token_fields-2-name": "code2",
        "token_fields-2-value": "c-4711",
        "token_fields-2-secret": "on",
    }
    add(adam, "client_credentials", **more)
    profile = AuthorizationProfile.objects.get()
    assert {row["name"]: row["secret"] for row in profile.settings["token_fields"]} == {
        "resource": False,
        "user_password": True,
        "code2": True,
    }
    assert "4711" not in str(profile.settings)


# Deleting


def test_delete_refused_while_in_use(adam: Client, cast: Cast) -> None:
    profile = make_profile(cast.harbor, cast.alice)
    connection = connected(cast.harbor, cast.alice, profile, definition(secret=()))
    url = reverse("connections:profile_delete", args=["harbor", profile.pk])
    page = adam.get(url).content.decode()
    assert "Model of Claims gateway" in page
    assert "Delete profile" not in page
    response = adam.post(url)
    assert response.status_code == 409
    assert "This profile is in use" in response.content.decode()
    connection.authorization_profile = None
    connection.save()
    assert "Delete profile" in adam.get(url).content.decode()
    assert adam.post(url)["Location"] == LIST
    assert not AuthorizationProfile.objects.exists()
    assert not ProfileSecret.objects.exists()
    assert AuditEvent.objects.get(event="authorization_profile.deleted").target_name == "Claims gateway"


# Use by connections


def test_a_connection_is_given_a_profile(adam: Client, cast: Cast) -> None:
    make_profile(cast.other, cast.charlie, name="Foreign")
    profile = make_profile(cast.harbor, cast.alice)
    model = make_model(cast.harbor, cast.alice, like=definition(secret=()))
    url = reverse("connections:add_connection", args=["harbor", model.pk])
    options = [option.text for option in read(adam.get(url)).all("option")]
    assert options == ["None", "Claims gateway"]
    assert adam.post(url, {"name": "Production", "authorization_profile": str(profile.pk)}).status_code == 302
    assert Connection.objects.get().authorization_profile == profile
    assert AuditEvent.objects.get(event="connection.added").changes["authorization profile"] == {"after": "Claims gateway"}
    foreign = AuthorizationProfile.objects.get(name="Foreign")
    assert adam.post(url, {"name": "Other", "authorization_profile": str(foreign.pk)}).status_code == 422


def test_another_profile_removes_the_connections_own_keys(adam: Client, cast: Cast) -> None:
    """A8."""
    profile = make_profile(cast.harbor, cast.alice)
    model = make_model(cast.harbor, cast.alice)
    connection = make_connection(model, cast.alice)
    url = reverse("connections:edit_connection", args=["harbor", model.pk, connection.pk])
    assert adam.post(url, {"authorization_profile": str(profile.pk), "version": "1"}).status_code == 302
    assert (
        "because the authorization profile changed"
        in adam.get(reverse("connections:connection_list", args=["harbor", model.pk])).content.decode()
    )
    found = Connection.objects.get()
    assert (found.authorization_profile, found.stored_secrets(), found.key_fingerprint) == (profile, {}, "")
    both = {"authorization_profile": "", "secret-x-api-key": "sk-live-4711-OTHR", "version": str(found.version)}
    assert adam.post(url, both).status_code == 302
    assert Connection.objects.get().stored_secrets() == {"x-api-key": Secret("sk-live-4711-OTHR")}
    changes = [event.changes for event in AuditEvent.objects.filter(event="connection.credentials_replaced").order_by("pk")]
    assert changes[0]["secret x-api-key"] == {"after": "cleared: the authorization profile changed"}
    assert changes[1]["authorization profile"] == {"before": "Claims gateway", "after": "None"}


def test_a_path_key_fills_the_address_in_the_connections_stead(adam: Client, cast: Cast) -> None:
    row = {"location": "path", "name": "tenant", "prefix": "", "secret": True}
    profile = make_profile(cast.harbor, cast.alice, "custom_keys", settings={"keys": [row]}, secrets={"keys/path/tenant": "t-4711"})
    model = make_model(cast.harbor, cast.alice, like=definition("https://api.example.com/{tenant}/v1", secret=()))
    url = reverse("connections:add_connection", args=["harbor", model.pk])
    assert any("required" in text for text in errors(adam.post(url, {"name": "Production"})))
    assert adam.post(url, {"name": "Production", "authorization_profile": str(profile.pk)}).status_code == 302


def test_not_configured_shows_wherever_the_profile_is_used(adam: Client, cast: Cast) -> None:
    profile = make_profile(cast.harbor, cast.alice)
    connection = connected(cast.harbor, cast.alice, profile, definition(secret=()))
    AuthorizationProfile.objects.update(problem="The authorization server refused to give a token (HTTP 401).")
    pages = {
        LIST: "refused to give a token (HTTP 401)",
        reverse("external_models:model_list", args=["harbor"]): "1 not configured",
        reverse("connections:connection_list", args=["harbor", connection.model_id]): "Not configured: Claims gateway",
        reverse("external_models:definition", args=["harbor", connection.model_id]): "Not configured: authorization profile Claims gateway",
    }
    assert {url: words in adam.get(url).content.decode() for url, words in pages.items()} == dict.fromkeys(pages, True)


def test_a_secret_that_does_not_open_is_not_configured(adam: Client, cast: Cast) -> None:
    """A4: never shown as fine."""
    profile = make_profile(cast.harbor, cast.alice)
    connection = connected(cast.harbor, cast.alice, profile, definition(secret=()))
    profile.secrets.update(value="pb1.lost.AAAA.AAAA")
    assert "Enter it again: Token." in adam.get(LIST).content.decode()
    page = adam.get(reverse("connections:connection_list", args=["harbor", connection.model_id])).content.decode()
    assert "Not configured: Claims gateway" in page
    assert "Not configured: authorization profile Claims gateway" in page


def test_the_settings_section_is_for_who_may_manage_credentials(cast: Cast, client_for: ClientFor) -> None:
    models = reverse("external_models:model_list", args=["harbor"])
    shown = {person.name: LIST in client_for(person).get(models).content.decode() for person in (cast.alice, cast.adam, cast.bob, cast.vic)}
    assert shown == {"Alice Owner": True, "Adam Admin": True, "Bob Member": False, "Vic Viewer": False}
