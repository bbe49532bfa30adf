"""*Test* of an authorization profile: what it comes to, by type (spec 03)."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from apps.connections.profile_forms import short_origin
from apps.connections.profile_places import LOCATIONS
from apps.connections.profile_types import ProfileType
from apps.core import sigv4
from apps.core.egress import EgressRule
from apps.core.secrets import call_secrets
from apps.inference.profile_aws import AwsAuthorization
from apps.inference.profile_material import Material
from apps.inference.profile_store import Token
from apps.inference.profile_tokens import tokens
from apps.providers.errors import ErrorKind, ProviderError


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it: a headline and what else there is to say; `error` is the kind of a failure, "" without one."""

    headline: str
    detail: str
    error: str = ""

    @property
    def passed(self) -> bool:
        return not self.error


async def try_profile(material: Material, rules: Sequence[EgressRule]) -> Tried:
    """Obtain a token, or sign a request, or say what would be sent where. Never raises for what went wrong on the way."""
    try:
        material.check_whole()
        return await _TRIALS[material.type](material, rules)
    except ProviderError as error:
        return failed(error)


def failed(error: ProviderError) -> Tried:
    said = f"The server says: {error.provider_message.rstrip(' .')}." if error.provider_message else ""
    return Tried(error.message, f"{said} {error.hint}".strip(), str(error.kind))


def hosts_of(material: Material) -> str:
    return ", ".join(sorted(short_origin(origin) for origin in material.allowed_origins))


async def _token(material: Material, rules: Sequence[EgressRule]) -> Tried:
    """A new one, whatever is cached: the test is about the settings as they are now."""
    started = time.perf_counter()
    token = await tokens.get(material, rules, refused_until=timezone.now())
    took = (time.perf_counter() - started) * 1000
    return Tried(f"Token received in {took:,.0f} ms", token_words(token, material))


def token_words(token: Token, material: Material) -> str:
    """How long it is good for, and what for."""
    if token.expires_at is None:
        life = "Used until it is refused"
    else:
        seconds = (token.expires_at - token.obtained_at).total_seconds()
        life = f"Valid for {f'{seconds / 60:,.0f} minutes' if seconds >= 90 else f'{seconds:,.0f} seconds'}"
    scope = f", scope {material.text('scope')}" if material.text("scope") else ""
    return f"{life}{scope}. It is sent to {hosts_of(material)} only."


async def _api_key(material: Material, rules: Sequence[EgressRule]) -> Tried:
    where = {"header": "the header", "query": "the query parameter"}[material.text("location")]
    return _sent(material, f"The key is sent in {where} {material.text('key_name')}")


async def _bearer(material: Material, rules: Sequence[EgressRule]) -> Tried:
    return _sent(material, "The token is sent in the header Authorization, after Bearer")


async def _basic(material: Material, rules: Sequence[EgressRule]) -> Tried:
    return _sent(material, f"{material.text('user')} and the password are sent in the header Authorization")


async def _custom_keys(material: Material, rules: Sequence[EgressRule]) -> Tried:
    places = ", ".join(f"{row['name']} ({LOCATIONS[row['location']].label.lower()})" for row in material.rows("keys"))
    return _sent(material, f"Each key is sent in its place: {places}")


def _sent(material: Material, how: str) -> Tried:
    """There is nobody to ask whether a key is right, besides the model itself."""
    return Tried(
        "Everything is there to send",
        f"{how}, to {hosts_of(material)} only. Whether the server takes it, the test of a connection shows.",
    )


async def _sign(material: Material, rules: Sequence[EgressRule]) -> Tried:
    """Sign a request to the first allowed host, without sending it."""
    sigv4.prepare()
    host = sorted(material.allowed_origins)[0].partition("://")[2].removesuffix(":443")
    try:
        with call_secrets():
            headers = dict(AwsAuthorization(material).signer.sign("POST", f"https://{host}/", [("Host", host)], b"{}"))
    except ValueError:
        raise ProviderError(
            ErrorKind.PROFILE_NOT_CONFIGURED, "The request cannot be signed with these keys.", "Enter them again."
        ) from None
    scope = headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0].partition("/")[2]
    return Tried("A request was signed", f"Credential scope {scope}. Signed calls go to {hosts_of(material)} only.")


_TRIALS: Mapping[ProfileType, Callable[[Material, Sequence[EgressRule]], Awaitable[Tried]]] = {
    ProfileType.API_KEY: _api_key,
    ProfileType.BEARER: _bearer,
    ProfileType.BASIC: _basic,
    ProfileType.CUSTOM_KEYS: _custom_keys,
    ProfileType.CLIENT_CREDENTIALS: _token,
    ProfileType.AUTHORIZATION_CODE: _token,
    ProfileType.AWS_SIGV4: _sign,
}
