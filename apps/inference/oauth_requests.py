"""OAuth 2.0 token requests and their answers, without any network: RFC 6749 (4.1.3, 4.4.2, 5, 6), RFC 7636 for PKCE.

Request bodies come from oauthlib. A secret stands in them as the marker of a Fill, and is put in its place where the request is sent.
Answers are read here: oauthlib takes them more loosely than a credential should be taken.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from oauthlib.common import generate_token
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient
from oauthlib.oauth2.rfc6749.clients.base import Client

from apps.core.headers import check_header_value
from apps.core.secrets import Secret
from apps.inference.profile_keys import new_marker
from apps.inference.profile_material import Material
from apps.providers.address import add_query
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_json, storable
from apps.providers.types import Encoding, Fill, JsonValue, Request, Response

MAX_LIFE = 10 * 365 * 86_400  # seconds; a longer life is cut to it
VERIFIER_LENGTH = 64  # characters; RFC 7636 asks for 43 to 128
REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token answer gives. `expires_at` None: until it is refused."""

    access: Secret = field(repr=False)
    refresh: Secret | None = field(repr=False)
    obtained_at: datetime
    expires_at: datetime | None
    scope: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """The PKCE pair, and the state that ties the answer to the person who asked."""

    state: str
    verifier: Secret = field(repr=False)
    challenge: str


def new_challenge() -> Challenge:
    client = Client("")
    verifier = client.create_code_verifier(VERIFIER_LENGTH)
    return Challenge(generate_token(48), Secret(verifier), client.create_code_challenge(verifier, "S256"))


def consent_url(material: Material, challenge: Challenge, callback: str) -> str:
    """The provider's consent page, with everything that it is asked."""
    asked = {
        "response_type": "code",
        "client_id": material.text("client_id"),
        "redirect_uri": callback,
        "scope": material.text("scope"),
        "audience": material.text("audience"),
        "state": challenge.state,
        "code_challenge": challenge.challenge,
        "code_challenge_method": "S256",
    }
    return add_query(material.text("authorization_url"), [(name, value) for name, value in asked.items() if value])


class TokenForm:
    """A token request in the making: the open fields, and a marker for each secret."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.fills: list[Fill[Secret]] = []
        self.fields: dict[str, str] = {}
        for row in material.rows("token_fields"):
            value = material.row_value("token_fields", row)
            if value is not None:
                self.fields[row["name"]] = self.marked(value) if isinstance(value, Secret) else value
        if audience := material.text("audience"):
            self.fields["audience"] = audience

    def marked(self, secret: Secret) -> str:
        fill = Fill(new_marker(), secret, Encoding.FORM)
        self.fills.append(fill)
        return fill.marker

    def identify(self) -> list[tuple[str, str | Secret]]:
        """Add what proves the client (RFC 6749, 2.3.1). A public client has no secret and only says its ID."""
        client_id, secret = self.material.text("client_id"), self.material.secrets.get("client_secret")
        if secret and self.material.text("client_authentication") == "header":
            return [("Authorization", secret.as_basic(client_id, form_encoded=True))]
        self.fields["client_id"] = client_id
        if secret:
            self.fields["client_secret"] = self.marked(secret)
        return []

    @property
    def body(self) -> str:
        """The fields so far, for oauthlib to add those of the grant."""
        return urlencode(self.fields)

    def request(self, url: str, body: str, headers: list[tuple[str, str | Secret]]) -> Request[Secret]:
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        return Request("POST", url, (kind, ("Accept", "application/json"), *headers), body.encode(), tuple(self.fills))


def client_credentials_request(material: Material) -> Request[Secret]:
    form = TokenForm(material)
    headers = form.identify()
    client = BackendApplicationClient(material.text("client_id"))
    body = client.prepare_request_body(form.body, scope=material.text("scope") or None, include_client_id=False)
    return form.request(material.text("token_url"), body, headers)


def code_request(material: Material, *, code: Secret, verifier: Secret, callback: str) -> Request[Secret]:
    form = TokenForm(material)
    headers = form.identify()
    client = WebApplicationClient(material.text("client_id"))
    given = {"code": form.marked(code), "code_verifier": form.marked(verifier)}
    body = client.prepare_request_body(redirect_uri=callback, body=form.body, include_client_id=False, **given)
    return form.request(material.text("token_url"), body, headers)


def refresh_request(material: Material, refresh: Secret) -> Request[Secret]:
    """The scope is left out: the one that was granted stays (RFC 6749, 6)."""
    form = TokenForm(material)
    headers = form.identify()
    body = Client(material.text("client_id")).prepare_refresh_body(form.body, refresh_token=form.marked(refresh))
    return form.request(material.text("refresh_url") or material.text("token_url"), body, headers)


def read_grant(response: Response, *, asked_at: datetime) -> Granted:
    """The tokens of an answer. Raises ProviderError TOKEN_REFUSED or TOKEN_FAILED, with the server's own words."""
    try:
        document = parse_json(response.body)
    except ProviderError as error:
        if response.status != 200:
            raise _refusal(response, {}) from None
        raise _unusable(f"Its answer is no JSON. {error.message}") from None
    if not isinstance(document, dict):
        raise _unusable("Its answer is no JSON object.")
    if response.status != 200 or "error" in document:
        raise _refusal(response, document)
    if str(document.get("token_type", "")).lower() != "bearer":
        raise _unusable("It gave no token of the type Bearer, the only one that can be used.")
    life = read_life(document.get("expires_in"))
    return Granted(
        access=_token(document, "access_token"),
        refresh=_token(document, "refresh_token") if document.get("refresh_token") else None,
        obtained_at=asked_at,
        expires_at=None if life is None else asked_at + timedelta(seconds=life),
        scope=str(storable(document.get("scope")) or "")[:500],
    )


def read_life(value: JsonValue) -> float | None:
    """`expires_in` in seconds; None where it is not said. Raises ProviderError for what is no life."""
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise _unusable("It does not say usably for how many seconds the token is valid (expires_in).")
    return float(min(value, MAX_LIFE))


def _token(document: dict[str, JsonValue], name: str) -> Secret:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise _unusable(f"Its answer has no {name}.")
    try:
        check_header_value(value)
    except ValueError:
        raise _unusable(f"The {name} in its answer has characters that no token has, or is too long.") from None
    return Secret(value)


def _refusal(response: Response, document: dict[str, JsonValue]) -> ProviderError:
    """A no is told apart from a server that is not well."""
    # Whole: whoever shows it masks secrets before cutting it, since half a secret is not recognized.
    said = [str(storable(document[name])) for name in ("error", "error_description") if document.get(name)]
    words = ": ".join(said)
    if response.status in REFUSED or response.status == 200:
        return ProviderError(
            ErrorKind.TOKEN_REFUSED,
            f"The authorization server refused to give a token (HTTP {response.status}).",
            _HINTS.get(str(document.get("error")), "Check client ID, client secret and scope in the authorization profile."),
            status=response.status,
            provider_message=words,
        )
    return ProviderError(
        ErrorKind.TOKEN_FAILED,
        f"The authorization server answered with an error (HTTP {response.status}).",
        "Try again, or check the token URL of the authorization profile.",
        retryable=response.status in {429, 500, 502, 503, 504},
        status=response.status,
        provider_message=words,
    )


_HINTS = {
    "invalid_client": "Check client ID, client secret and how the client authenticates in the authorization profile.",
    "invalid_grant": "Somebody has to allow access again: press Test of the authorization profile.",
    "invalid_scope": "Check the scope in the authorization profile.",
    "unauthorized_client": "Allow this grant for the client at the provider.",
    "unsupported_grant_type": "Choose another type of profile: this server does not know this grant.",
}


def _unusable(why: str) -> ProviderError:
    return ProviderError(ErrorKind.TOKEN_FAILED, f"The authorization server's answer cannot be used. {why}", "Check the token URL.")
