"""What each type of authorization profile asks for (spec 03): the one place that knows. Forms, checks and calls follow from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import models

from apps.connections.profile_places import LOCATIONS, check_text
from apps.core.endpoint import parse_url
from apps.core.headers import check_header_value
from apps.core.outbound import OutboundError

ACCESS_TOKEN = "{{access_token}}"
CONSENT_MISSING = "Nobody has allowed access at the provider yet. Press Test and allow it there."


class ProfileType(models.TextChoices):
    API_KEY = "api_key", "API key"
    BEARER = "bearer", "Bearer token"
    BASIC = "basic", "Basic"
    CUSTOM_KEYS = "custom_keys", "Custom keys"
    CLIENT_CREDENTIALS = "client_credentials", "OAuth 2.0 client credentials"
    AUTHORIZATION_CODE = "authorization_code", "OAuth 2.0 authorization code"
    AWS_SIGV4 = "aws_sigv4", "AWS Signature v4"


class Kind(StrEnum):
    """What a field holds, and so how it is asked for and checked."""

    TEXT = "text"
    URL = "url"
    SECRET = "secret"
    CHOICE = "choice"
    STATUSES = "statuses"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `missing` is its error when it is empty; a field without one is optional.

    `bound_to` names the field whose value a secret is entered for: a URL, to whose host alone it may go, or a region (spec 07 A8).
    `shapes_token`: another value makes the tokens that there are worthless.
    `stays_with_more_hosts`: it is not asked for again when another host is allowed (see Slot.is_for_hosts).
    """

    name: str
    label: str
    kind: Kind = Kind.TEXT
    missing: str = ""
    help: str = ""
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    rule: Callable[[str], None] = check_text
    bound_to: str = ""
    shapes_token: bool = False
    stays_with_more_hosts: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of rows: location (where there is a choice), name, prefix (where there is one) and value.

    Values are secrets: all of them, or (`may_be_open`) those that are ticked or named like one.
    """

    name: str
    label: str
    add: str
    help: str
    locations: tuple[str, ...] = ()
    has_prefix: bool = False
    may_be_open: bool = False
    takes_token: bool = False
    missing: str = ""
    bound_to: str = ""
    shapes_token: bool = False
    stays_with_more_hosts: bool = False


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """One type. `place` names the fields that say where its key goes: location and name."""

    type: ProfileType
    about: str
    fields: tuple[Field, ...] = ()
    rows: tuple[Rows, ...] = ()
    place: tuple[str, str] | None = None
    same_host: tuple[str, str] | None = None  # a URL field and the one on whose host it has to be
    needs_consent: bool = False  # somebody has to allow access at the provider, in a browser
    has_tokens: bool = False

    @property
    def first_problem(self) -> str:
        """Why a profile with these settings cannot authorize yet."""
        return CONSENT_MISSING if self.needs_consent else ""

    def shaping(self, settings: Mapping[str, Any]) -> list[Any]:
        """The settings that a token was obtained with."""
        return [settings.get(part.name) for part in self.parts if part.shapes_token]

    @property
    def another_host(self) -> str:
        """What it means to allow another host, for who is about to."""
        if self.needs_consent:
            return "With another host, somebody has to allow access again."
        again = [f"{part.label[0].lower()}{part.label[1:]}" for part in self.parts if part.missing and _is_secret(part)]
        return f"With another host, enter the {' and the '.join(again)} again: what is stored goes to these only."

    @property
    def parts(self) -> tuple[Field | Rows, ...]:
        """Fields and lists of rows."""
        return (*self.fields, *self.rows)


@dataclass(frozen=True, slots=True)
class Slot:
    """A secret that a profile with certain settings holds. It opens and is used for this origin only.

    `is_for_hosts`: it goes to the allowed hosts, or gets tokens that go there with nobody asked, so it is entered again when a host is
    added (spec 07 A8). Of OAuth that is the secret of client credentials: who holds it has access on every host, and a token obtained
    anew with the stored one would be that access. For an authorization code the person who consents gives the access: with another host
    somebody consents again, and the client secret, which proves only who asks and goes to the token URL alone, stays.
    """

    name: str
    label: str
    origin: str
    required: bool
    shapes_token: bool
    is_for_hosts: bool


_TOKEN_URL = Field(
    "token_url", "Token URL", Kind.URL, "Enter the address that gives tokens, such as https://id.example.com/oauth2/token.",
    "The client secret goes to this host only.", shapes_token=True, wide=True,
)  # fmt: skip
_CLIENT_ID = Field("client_id", "Client ID", missing="Enter the client ID that the authorization server gave you.", shapes_token=True)
_CLIENT_AUTHENTICATION = Field(
    "client_authentication",
    "How the client authenticates",
    Kind.CHOICE,
    "Choose one.",
    "What the token URL expects; most take the header.",
    "header",
    (("header", "HTTP Basic header"), ("body", "Client ID and secret in the body")),
    shapes_token=True,
)
_SCOPE = Field("scope", "Scope", help="Scopes with blanks between, such as models.invoke.", shapes_token=True)
_AUDIENCE = Field("audience", "Audience", help="Some servers ask which API the token is for.", shapes_token=True)
_REFUSED = Field(
    "refused_statuses", "Status codes that mean the token was refused", Kind.STATUSES, "Enter at least one status, such as 401.",
    "The token is fetched anew, and the call repeated once. Commas between several.", "401",
)  # fmt: skip
_TOKEN_FIELDS = Rows(
    "token_fields", "Extra token-request fields", "Add field", "Sent to the token URL besides the usual ones, such as resource.",
    may_be_open=True, bound_to="token_url", shapes_token=True, stays_with_more_hosts=True,
)  # fmt: skip
_AUTHORIZATION_FIELDS = Rows(
    "authorization_fields", "Authorization fields", "Add field",
    f"Where the token goes in a call: write {ACCESS_TOKEN} at the end of a value, such as Bearer {ACCESS_TOKEN}. "
    "If no field has it, it is sent in the header Authorization as a Bearer token.",
    locations=("header", "query", "body", "path"), may_be_open=True, takes_token=True,
)  # fmt: skip


def _client_secret(missing: str, help_text: str, *, stays: bool) -> Field:
    return Field(
        "client_secret", "Client secret", Kind.SECRET, missing, help_text, bound_to="token_url", shapes_token=True,
        stays_with_more_hosts=stays,
    )  # fmt: skip


TYPES: Mapping[ProfileType, TypeSpec] = {
    spec.type: spec
    for spec in (
        TypeSpec(
            ProfileType.API_KEY,
            "One key in a header or, where an API knows no better, in the address.",
            (
                Field(
                    "location", "Location", Kind.CHOICE, "Choose one.",
                    "Addresses end up in the logs of others: take a header where the API allows it.",
                    "header", (("header", "Header"), ("query", "Query parameter")),
                ),
                Field("key_name", "Name of the header or parameter", missing="Enter the name that the API documents, such as X-Api-Key."),
                Field("prefix", "Prefix", help="Stands before the key, with a blank between, such as Token."),
                Field("key", "Key", Kind.SECRET, "Paste the key.", rule=check_header_value),
            ),
            place=("location", "key_name"),
        ),
        TypeSpec(
            ProfileType.BEARER,
            "A token that is sent in the header Authorization.",
            (Field("token", "Token", Kind.SECRET, "Paste the token, without the word Bearer.", rule=check_header_value, wide=True),),
        ),
        TypeSpec(
            ProfileType.BASIC,
            "A user name and a password.",
            (
                Field("user", "User name", missing="Enter the user name."),
                Field("password", "Password", Kind.SECRET, "Enter the password."),
            ),
        ),
        TypeSpec(
            ProfileType.CUSTOM_KEYS,
            "Any number of keys, in headers, query, body or path.",
            rows=(
                Rows(
                    "keys", "Keys", "Add key",
                    "A body key becomes a member of the JSON body (a dot leads into an object); a path key replaces {name} in the address.",
                    locations=("header", "query", "body", "path"), has_prefix=True, missing="Add at least one key.",
                ),
            ),
        ),
        TypeSpec(
            ProfileType.CLIENT_CREDENTIALS,
            "Patchbay signs in for itself and renews its token when it runs out.",
            (
                _TOKEN_URL, _CLIENT_ID, _client_secret("Paste the client secret.", "", stays=False),
                _CLIENT_AUTHENTICATION, _SCOPE, _AUDIENCE, _REFUSED,
            ),
            (_TOKEN_FIELDS, _AUTHORIZATION_FIELDS),
            has_tokens=True,
        ),
        TypeSpec(
            ProfileType.AUTHORIZATION_CODE,
            "A person allows access at the provider once, in the browser. PKCE and state are always on.",
            (
                Field(
                    "authorization_url", "Authorization URL", Kind.URL, "Enter the address of the provider's consent page.",
                    "Opened in the browser when you press Test.", shapes_token=True, wide=True,
                ),
                _TOKEN_URL,
                Field(
                    "refresh_url", "Refresh token URL", Kind.URL, help="If it is another one than the token URL, on the same host.",
                    shapes_token=True, wide=True,
                ),
                _CLIENT_ID,
                _client_secret("", "Leave it empty for a public client, which proves itself by PKCE alone.", stays=True),
                _CLIENT_AUTHENTICATION, _SCOPE, _AUDIENCE, _REFUSED,
            ),
            (_TOKEN_FIELDS, _AUTHORIZATION_FIELDS),
            same_host=("refresh_url", "token_url"),
            needs_consent=True,
            has_tokens=True,
        ),
        TypeSpec(
            ProfileType.AWS_SIGV4,
            "Signs every call with an AWS access key.",
            (
                Field("access_key", "Access key ID", missing="Enter the access key ID, such as AKIA….", rule=check_header_value),
                Field(
                    "secret_key", "Secret access key", Kind.SECRET, "Paste the secret access key.", rule=check_header_value,
                    bound_to="region",
                ),
                Field(
                    "session_token", "Session token", Kind.SECRET, help="Only temporary keys have one.", rule=check_header_value,
                    bound_to="region", wide=True,
                ),
                Field("region", "Region", missing="Enter the region, such as eu-west-1.", rule=check_header_value),
                Field("service", "Service", missing="Enter the service's signing name, such as execute-api.", rule=check_header_value),
            ),
        ),
    )
}  # fmt: skip


def _is_secret(part: Field | Rows) -> bool:
    return isinstance(part, Rows) or part.kind is Kind.SECRET


def spec_of(type_name: str) -> TypeSpec:
    """Raises ValueError for a type that there is not."""
    return TYPES[ProfileType(type_name)]


def slots_of(type_name: str, settings: Mapping[str, Any]) -> dict[str, Slot]:
    """The secrets that a profile of this type and these settings has, by their stored name."""
    spec = spec_of(type_name)
    found = {}
    for field in spec.fields:
        if field.kind is Kind.SECRET:
            origin = _bound_origin(spec, field.bound_to, settings)
            lasts = field.stays_with_more_hosts
            found[field.name] = Slot(field.name, field.label, origin, bool(field.missing), field.shapes_token, not lasts)
    for rows in spec.rows:
        origin = _bound_origin(spec, rows.bound_to, settings)
        for row in settings.get(rows.name, ()):
            if row["secret"]:
                name = row_secret(rows.name, row)
                found[name] = Slot(name, row["name"], origin, True, rows.shapes_token, not rows.stays_with_more_hosts)
    return found


def row_secret(rows: str, row: Mapping[str, Any]) -> str:
    """The stored name of a row's secret. A value goes with its location and name: elsewhere it has to be entered again."""
    location = row.get("location", "")
    return f"{rows}/{location}/{LOCATIONS[location].key(row['name'])}"


def url_origin(url: str) -> str:
    """`https://id.example.com:443`, read as strictly as a call reads it; "" for what is no URL."""
    try:
        endpoint = parse_url(url)
    except OutboundError:
        return ""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{endpoint.scheme}://{host}:{endpoint.port}"


def _bound_origin(spec: TypeSpec, bound_to: str, settings: Mapping[str, Any]) -> str:
    if not bound_to:
        return ""
    value = str(settings.get(bound_to, ""))
    kind = next(field.kind for field in spec.fields if field.name == bound_to)
    return url_origin(value) if kind is Kind.URL else f"{bound_to} {value}"[:300]


def missing_labels(slots: Mapping[str, Slot], stored: Sequence[str] | Mapping[str, object]) -> list[str]:
    """What is required and not there, by label."""
    return [slot.label for slot in slots.values() if slot.required and slot.name not in stored]
