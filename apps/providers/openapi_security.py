"""The security schemes of an OpenAPI operation: what becomes a secret header, and what needs an authorization profile."""

from dataclasses import dataclass

from apps.providers.imported import MAX_HEADERS, ImportRefused
from apps.providers.openapi_refs import JsonObject, References, as_list, as_object, as_text
from apps.providers.placeholders import as_name


@dataclass(frozen=True, slots=True)
class SecretHeader:
    """A header that carries a credential; `written` is its scheme's name in the document, `question` the name to ask by."""

    name: str
    prefix: str
    written: str

    @property
    def question(self) -> str:
        return f"auth_{as_name(self.written)}"


@dataclass(frozen=True, slots=True)
class Security:
    """How an operation is authorized."""

    headers: tuple[SecretHeader, ...] = ()
    needs_profile: str = ""
    notes: tuple[str, ...] = ()


def read_security(root: JsonObject, operation: JsonObject, references: References) -> Security:
    """Of the ways that the operation allows, the first that headers can carry; else the first, which then needs a profile."""
    wanted = operation["security"] if "security" in operation else root.get("security")
    schemes = as_object(as_object(root.get("components")).get("securitySchemes"))
    ways = [as_object(way) for way in as_list(wanted)[:50]]
    ways = [way for way in ways if way]
    if not ways:
        return Security()
    read = [_read_way(list(way), schemes, references) for way in ways]
    chosen = next((security for security in read if not security.needs_profile), read[0])
    if len(ways) > 1:
        names = "; ".join(" and ".join(name[:60] for name in way) for way in ways)
        return Security(chosen.headers, chosen.needs_profile, (f"The document allows several ways to authorize: {names}.",))
    return chosen


def _read_way(names: list[str], schemes: JsonObject, references: References) -> Security:
    if len(names) > MAX_HEADERS:
        raise ImportRefused(f"The document wants more than {MAX_HEADERS} ways to authorize at once.")
    headers: list[SecretHeader] = []
    for name in names:
        scheme = references.follow(schemes.get(name))
        header = _as_header(name, scheme)
        if header is None:
            return Security(needs_profile=f"This operation is authorized by {_words(scheme)}. Choose an authorization profile for it.")
        headers.append(header)
    return Security(tuple(headers))


def _as_header(name: str, scheme: JsonObject) -> SecretHeader | None:
    kind, place = scheme.get("type"), scheme.get("in")
    if kind == "apiKey" and place == "header" and as_text(scheme.get("name")):
        return SecretHeader(as_text(scheme.get("name")), "", name)
    if kind == "http" and as_text(scheme.get("scheme")).lower() == "bearer":
        return SecretHeader("Authorization", "Bearer ", name)
    return None


def _words(scheme: JsonObject) -> str:
    match scheme.get("type"), as_text(scheme.get("scheme")).lower() or scheme.get("in"):
        case "apiKey", "query":
            return "an API key in the address"
        case "apiKey", "cookie":
            return "an API key in a cookie"
        case "http", "basic":
            return "a user name and password (Basic)"
        case "oauth2", _:
            return "OAuth 2.0"
        case "openIdConnect", _:
            return "OpenID Connect"
        case "mutualTLS", _:
            return "a client certificate"
    return "a scheme that is not known here"
