"""Authorization profiles as admins make them, through their actions; and the demo's authorization server as their counterpart."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from apps.accounts.models import User, Workspace
from apps.connections.models import AuthorizationProfile, Connection
from apps.connections.profile_actions import ProfileValues, create_profile
from apps.core.secrets import Secret
from apps.demo.provider.authorization import CLIENTS
from apps.external_models.definition import Definition, Header, Paths
from tests.support.models import actor, author, make_connection, make_model
from tests.support.provider import RunningProvider

CLIENT = "harbor-patchbay"
CLIENT_SECRET = CLIENTS[CLIENT]
SECRETS = {"client_secret": CLIENT_SECRET}
ORIGIN = "https://api.example.com:443"
PLAIN: dict[str, dict[str, Any]] = {
    "api_key": {"location": "header", "key_name": "X-Api-Key", "prefix": ""},
    "bearer": {},
    "basic": {"user": "harbor"},
    "custom_keys": {"keys": []},
    "aws_sigv4": {"access_key": "AKIDEXAMPLE", "region": "eu-west-1", "service": "execute-api"},
}


def oauth_settings(base: str, *, life: str = "", **more: Any) -> dict[str, Any]:
    """Settings for the demo's authorization server, with tokens that live `life` seconds."""
    return {
        "token_url": f"{base}/oauth{f'/life/{life}' if life else ''}/token",
        "client_id": CLIENT,
        "client_authentication": "header",
        "scope": "models.invoke",
        "audience": "",
        "refused_statuses": [401],
        "token_fields": [],
        "authorization_fields": [],
    } | more


def make_profile(
    workspace: Workspace,
    by: User,
    type_name: str = "bearer",
    name: str = "Claims gateway",
    *,
    settings: Mapping[str, Any] | None = None,
    origins: tuple[str, ...] = (ORIGIN,),
    secrets: Mapping[str, str] | None = None,
) -> AuthorizationProfile:
    given = {"token": "tk-live-4711-MQAA"} if secrets is None else secrets
    values = ProfileValues(
        PLAIN[type_name] if settings is None else settings, origins, {name: Secret(value) for name, value in given.items()}
    )
    return create_profile(workspace, name=name, type_name=type_name, values=values, by=author(by))


def client_profile(workspace: Workspace, by: User, provider: RunningProvider, *, life: str = "", **more: Any) -> AuthorizationProfile:
    """OAuth 2.0 client credentials at the demo's server, for calls to the demo provider."""
    settings = oauth_settings(provider.url, life=life, **more)
    return make_profile(workspace, by, "client_credentials", settings=settings, origins=(provider.url,), secrets=SECRETS)


def code_profile(workspace: Workspace, by: User, provider: RunningProvider, *, life: str = "", **more: Any) -> AuthorizationProfile:
    """OAuth 2.0 authorization code at the demo's server; nobody has allowed access yet."""
    settings = oauth_settings(provider.url, life=life, authorization_url=f"{provider.url}/oauth/authorize", refresh_url="", **more)
    return make_profile(workspace, by, "authorization_code", settings=settings, origins=(provider.url,), secrets=SECRETS)


def assess_definition(base: str, path: str = "/oauth/v1/assess") -> Definition:
    """The demo's API that demands a token."""
    headers = (Header("Content-Type", "application/json"),)
    return Definition(url=f"{base}{path}", headers=headers, body='{"ask": "{{prompt}}"}', paths=Paths("answer", "usage.in", "usage.out"))


def connected(workspace: Workspace, by: User, profile: AuthorizationProfile, definition: Definition, **more: Any) -> Connection:
    """A model of this definition with a connection that the profile authorizes."""
    model = make_model(workspace, by, name=f"Model of {profile.name}", like=definition)
    connection = make_connection(model, by, name=f"Connection of {profile.name}", secrets={}, **more)
    connection.authorization_profile = profile
    connection.save()
    return fresh(connection)


def fresh(connection: Connection) -> Connection:
    return Connection.objects.select_related("model", "authorization_profile", "workspace").get(pk=connection.pk)


def token_requests(provider: RunningProvider) -> list[dict[str, str]]:
    """The bodies of the token requests that came, oldest first."""
    bodies = [record.request.body for record in provider.recorded if record.request.path.endswith("/token")]
    return [{name: values[0] for name, values in parse_qs(body.decode()).items()} for body in bodies]


__all__ = ["actor", "assess_definition", "client_profile", "code_profile", "connected", "fresh", "make_profile", "token_requests"]
