"""What a call looks like with each type of profile (spec 03), and where it may not go (07 A8), seen by a server that echoes."""

import base64
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from apps.connections.models import AuthorizationProfile
from apps.core.http import Limits
from apps.egress import rules
from apps.external_models.definition import Definition, Header
from apps.inference import pipeline
from apps.inference.result import Result
from apps.inference.target import Target, target_of, with_profile
from tests.inference.conftest import allow
from tests.support.cast import Cast
from tests.support.profiles import PLAIN, assess_definition, client_profile, connected, make_profile, token_requests
from tests.support.provider import RunningProvider, provider, provider_server

__all__ = ["provider", "provider_server"]

KEY = "tk-plant/+ä'<&>\"%-0001"
ASCII_KEY = "tk-plant/+'<&>\"%-0001"


@pytest.fixture
def allowed(cast: Cast, provider: RunningProvider) -> RunningProvider:
    allow(provider)
    return provider


def echo(provider: RunningProvider, path: str = "/echo", **more: Any) -> Definition:
    headers = (Header("Content-Type", "application/json"),)
    return Definition(**{"url": f"{provider.url}{path}", "headers": headers, "body": '{"ask": "{{prompt}}"}'} | more)


def run(definition: Definition, profile: AuthorizationProfile) -> Result:
    target = with_profile(Target(definition, limits=Limits(total=60)), profile)
    return async_to_sync(pipeline.run)(target, {"prompt": "Hello"}, rules=rules.current())


def sent(provider: RunningProvider) -> Any:
    return provider.recorded[-1].request


CASES: list[tuple[str, dict[str, Any], dict[str, str], dict[str, str]]] = [
    ("api_key", {}, {"key": ASCII_KEY}, {"x-api-key": ASCII_KEY}),
    ("api_key", {"prefix": "Token"}, {"key": ASCII_KEY}, {"x-api-key": f"Token {ASCII_KEY}"}),
    ("api_key", {"prefix": "key="}, {"key": ASCII_KEY}, {"x-api-key": f"key={ASCII_KEY}"}),
    ("bearer", {}, {"token": ASCII_KEY}, {"authorization": f"Bearer {ASCII_KEY}"}),
    (
        "basic",
        {"user": "härbor"},
        {"password": KEY},
        {"authorization": "Basic " + base64.b64encode(f"härbor:{KEY}".encode()).decode()},
    ),
]


@pytest.mark.parametrize(("type_name", "changes", "secrets", "headers"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_what_goes_into_a_header(
    cast: Cast, allowed: RunningProvider, type_name: str, changes: dict[str, Any], secrets: dict[str, str], headers: dict[str, str]
) -> None:
    settings = PLAIN[type_name] | changes
    profile = make_profile(cast.harbor, cast.alice, type_name, settings=settings, origins=(allowed.url,), secrets=secrets)
    result = run(echo(allowed), profile)
    assert {name: sent(allowed).header(name) for name in headers} == headers
    shown = json.dumps(result.to_json(), ensure_ascii=False)
    for written in (*secrets.values(), *headers.values()):
        assert json.dumps(written, ensure_ascii=False)[1:-1] not in shown  # A9: the echo is masked


def test_a_key_in_the_query(cast: Cast, allowed: RunningProvider) -> None:
    settings = PLAIN["api_key"] | {"location": "query", "key_name": "api_key"}
    profile = make_profile(cast.harbor, cast.alice, "api_key", settings=settings, origins=(allowed.url,), secrets={"key": KEY})
    result = run(echo(allowed, "/echo?version=3"), profile)
    assert sent(allowed).query == "version=3&api_key=tk-plant%2F%2B%C3%A4%27%3C%26%3E%22%25-0001"
    assert result.sent
    assert result.sent.url.endswith("api_key=••••••••")
    assert "0001" not in json.dumps(result.to_json())


def row(location: str, name: str, *, prefix: str = "") -> dict[str, Any]:
    return {"location": location, "name": name, "prefix": prefix, "secret": True}


def test_custom_keys_in_every_place(cast: Cast, allowed: RunningProvider) -> None:
    rows = [row("header", "X-One", prefix="Key"), row("query", "two"), row("body", "auth.three"), row("path", "tenant")]
    secrets = {
        "keys/header/x-one": "one-1111",
        "keys/query/two": "two&2222",
        "keys/body/auth.three": '"three"\\3333',
        "keys/path/tenant": "a/../4",
    }
    profile = make_profile(cast.harbor, cast.alice, "custom_keys", settings={"keys": rows}, origins=(allowed.url,), secrets=secrets)
    result = run(echo(allowed, "/echo/{tenant}/x", body='{"ask": "{{prompt}}", "auth": {"kind": "a"}}'), profile)
    request = sent(allowed)
    assert request.header("x-one") == "Key one-1111"
    assert (request.path, request.query) == ("/echo/a%2F..%2F4/x", "two=two%262222")
    assert json.loads(request.body) == {"ask": "Hello", "auth": {"kind": "a", "three": '"three"\\3333'}}
    shown = json.dumps(result.to_json())
    assert not [secret for secret in ("one-1111", "two&2222", "two%262222", "3333") if secret in shown]


@pytest.mark.parametrize(
    ("place", "name", "body", "words"),
    [
        ("path", "tenant", '{"ask": "{{prompt}}"}', "has no {tenant}"),
        ("body", "key", '["{{prompt}}"]', "no object there"),
        ("body", "ask.key", '{"ask": "{{prompt}}"}', "no object there"),
    ],
)
def test_a_place_that_the_request_does_not_have(cast: Cast, allowed: RunningProvider, place: str, name: str, body: str, words: str) -> None:
    profile = make_profile(
        cast.harbor,
        cast.alice,
        "custom_keys",
        settings={"keys": [row(place, name)]},
        origins=(allowed.url,),
        secrets={f"keys/{place}/{name}": "v"},
    )
    result = run(echo(allowed, body=body), profile)
    assert result.failure
    assert (result.failure.kind, words in result.failure.message) == ("profile_not_configured", True)
    assert not allowed.recorded


def test_a_signed_call(cast: Cast, allowed: RunningProvider) -> None:
    secrets = {"secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session_token": "sess-token-1234567"}
    profile = make_profile(cast.harbor, cast.alice, "aws_sigv4", origins=(allowed.url,), secrets=secrets)
    result = run(echo(allowed), profile)
    request = sent(allowed)
    assert request.header("authorization").startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-west-1/execute-api/aws4_request" in request.header("authorization")
    assert request.header("x-amz-security-token") == secrets["session_token"]
    assert not [secret for secret in secrets.values() if secret in json.dumps(result.to_json())]


@pytest.mark.parametrize("type_name", ["bearer", "client_credentials"])
def test_no_call_to_a_host_that_no_admin_allowed(cast: Cast, allowed: RunningProvider, type_name: str) -> None:
    """A8: who may edit models cannot have the workspace's credentials sent to a host of their own; nor is a token asked for."""
    if type_name == "bearer":
        profile = make_profile(cast.harbor, cast.alice)
    else:
        profile = client_profile(cast.harbor, cast.alice, allowed)
        AuthorizationProfile.objects.update(allowed_origins=["https://api.example.com:443"])
        profile.refresh_from_db()
    result = run(echo(allowed), profile)
    assert result.failure
    assert result.failure.kind == "profile_host_not_allowed"
    assert f"127.0.0.1:{allowed.port}" in result.failure.message
    assert "admin can add the host" in result.failure.hint
    assert not allowed.recorded


def test_an_allowed_host_on_another_port_or_scheme_is_another_host(cast: Cast, allowed: RunningProvider) -> None:
    """A8: scheme, host and port."""
    origins = (f"https://127.0.0.1:{allowed.port}", "http://127.0.0.1:80", f"http://127.0.0.1.example:{allowed.port}")
    profile = make_profile(cast.harbor, cast.alice, origins=origins)
    assert run(echo(allowed), profile).failure
    assert not allowed.recorded


def test_a_secret_that_does_not_open_sends_nothing(cast: Cast, allowed: RunningProvider) -> None:
    """A4."""
    profile = make_profile(cast.harbor, cast.alice, origins=(allowed.url,))
    profile.secrets.update(value="pb1.lost.AAAA.AAAA")
    result = run(echo(allowed), AuthorizationProfile.objects.get())
    assert result.failure
    assert result.failure.kind == "profile_not_configured"
    assert "Token" in result.failure.message
    assert not allowed.recorded


def test_a_token_is_obtained_and_sent(cast: Cast, allowed: RunningProvider) -> None:
    profile = client_profile(cast.harbor, cast.alice, allowed)
    connection = connected(cast.harbor, cast.alice, profile, assess_definition(allowed.url))
    result = async_to_sync(pipeline.run)(target_of(connection), {"prompt": "Hello"}, rules=rules.current())
    assert (result.passed, "Hello" in result.output) == (True, True)
    assert token_requests(allowed) == [{"grant_type": "client_credentials", "scope": "models.invoke"}]
    token = sent(allowed).header("authorization").removeprefix("Bearer ")
    assert token.startswith("at-")
    assert token not in json.dumps(result.to_json())


def test_the_client_may_authenticate_in_the_body_with_more_fields(cast: Cast, allowed: RunningProvider) -> None:
    fields = [{"name": "resource", "secret": False, "value": "urn:claims & more"}, {"name": "assertion", "secret": True}]
    profile = client_profile(
        cast.harbor, cast.alice, allowed, client_authentication="body", audience="https://api.test", token_fields=fields
    )
    from_row = {"client_secret": "oc-demo-harbor-mutual-7Q2M", "token_fields//assertion": "as/+&=1234"}
    AuthorizationProfile.objects.all().delete()
    profile = make_profile(
        cast.harbor, cast.alice, "client_credentials", settings=profile.settings, origins=(allowed.url,), secrets=from_row
    )
    assert run(assess_definition(allowed.url), profile).passed
    [body] = token_requests(allowed)
    assert body == {
        "grant_type": "client_credentials",
        "client_id": "harbor-patchbay",
        "client_secret": "oc-demo-harbor-mutual-7Q2M",
        "scope": "models.invoke",
        "audience": "https://api.test",
        "resource": "urn:claims & more",
        "assertion": "as/+&=1234",
    }


def test_authorization_fields_say_where_the_token_goes(cast: Cast, allowed: RunningProvider) -> None:
    fields = [
        {"location": "header", "name": "X-Token", "secret": False, "value": "Harbor {{access_token}}"},
        {"location": "query", "name": "token", "secret": False, "value": "{{access_token}}"},
        {"location": "header", "name": "X-Desk", "secret": False, "value": "claims"},
    ]
    profile = client_profile(cast.harbor, cast.alice, allowed, authorization_fields=fields)
    result = run(echo(allowed), profile)
    request = sent(allowed)
    assert request.header("authorization") == ""
    assert request.header("x-token").startswith("Harbor at-")
    assert request.query == f"token={request.header('x-token').removeprefix('Harbor ')}"
    assert request.header("x-desk") == "claims"
    assert request.query.removeprefix("token=") not in json.dumps(result.to_json())
