"""Profiles that send what they hold: API key, Bearer, Basic, custom keys. Also where the token of an OAuth profile is put."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from apps.core.egress import EgressRule
from apps.core.http import Exchange
from apps.core.secrets import Secret
from apps.inference.authorization import Authorized
from apps.inference.profile_material import Material
from apps.providers.address import add_query
from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonread import parse_text
from apps.providers.types import Encoding, Fill, JsonValue, Request
from apps.providers.variables import compact_json

type Value = str | Secret


@dataclass(frozen=True, slots=True)
class Placed:
    """One value and where it goes. `marker` is what stands in an address for a path key until it is sent."""

    location: str
    name: str
    value: Value = field(repr=False)
    marker: str = ""


@dataclass(frozen=True, slots=True)
class KeysAuthorization:
    """Sends its keys with every call; there is nothing to obtain and nothing to renew."""

    material: Material
    placed: tuple[Placed, ...]

    @property
    def digest(self) -> str:
        return self.material.digest

    @property
    def parameters(self) -> dict[str, str]:
        return path_markers(self.placed)

    async def authorize(self, request: Request[Secret], *, rules: Sequence[EgressRule]) -> Authorized:
        self.material.check_host(request.url)
        self.material.check_whole()
        return Authorized(put(request, self.placed))

    def was_refused(self, exchange: Exchange) -> bool:
        return False

    async def renew(self) -> None:
        """There is nothing to renew."""


def api_key(material: Material) -> KeysAuthorization:
    key = with_lead(material.secrets.get("key", Secret("")), material.text("prefix"))
    return KeysAuthorization(material, (Placed(material.text("location"), material.text("key_name"), key),))


def bearer(material: Material) -> KeysAuthorization:
    token = material.secrets.get("token", Secret("")).with_prefix("Bearer ")
    return KeysAuthorization(material, (Placed("header", "Authorization", token),))


def basic(material: Material) -> KeysAuthorization:
    password = material.secrets.get("password", Secret("")).as_basic(material.text("user"))
    return KeysAuthorization(material, (Placed("header", "Authorization", password),))


def custom_keys(material: Material) -> KeysAuthorization:
    return KeysAuthorization(material, tuple(placed_rows(material, "keys")))


def placed_rows(material: Material, rows: str) -> Iterable[Placed]:
    """Rows as values in their places. A secret that is missing is left out: check_whole() has said so before anything is sent."""
    for row in material.rows(rows):
        value = material.row_value(rows, row)
        if value is not None:
            yield placed(row.get("location", ""), row["name"], with_lead(value, row.get("prefix", "")))


def placed(location: str, name: str, value: Value) -> Placed:
    return Placed(location, name, value, new_marker() if location == "path" else "")


def with_lead(value: Value, lead: str) -> Value:
    """A word is followed by a blank ("Token abc"); what ends otherwise is not ("key=abc")."""
    if not lead:
        return value
    lead = f"{lead} " if lead[-1].isalnum() else lead
    return value.with_prefix(lead) if isinstance(value, Secret) else lead + value


def new_marker() -> str:
    """A random word that stands for a secret until the request is sent."""
    return f"pb{secrets.token_hex(12)}"


def path_markers(placed: Iterable[Placed]) -> dict[str, str]:
    """What stands for each path key in the address while the request is built, by `{name}`."""
    return {each.name: each.marker for each in placed if each.location == "path"}


def put(request: Request[Secret], placed: Iterable[Placed]) -> Request[Secret]:
    """The request with every value in its place. Raises ProviderError(PROFILE_NOT_CONFIGURED) where there is no such place."""
    return reduce(lambda so_far, each: _PLACES[each.location](so_far, each), placed, request)


def _in_header(request: Request[Secret], each: Placed) -> Request[Secret]:
    """In place of a header of that name, whoever set it: two would be read differently by different servers."""
    others = tuple((name, value) for name, value in request.headers if name.lower() != each.name.lower())
    return replace(request, headers=(*others, (each.name, each.value)))


def _in_query(request: Request[Secret], each: Placed) -> Request[Secret]:
    if isinstance(each.value, str):
        return replace(request, url=add_query(request.url, [(each.name, each.value)]))
    fill = Fill(new_marker(), each.value, Encoding.PERCENT)
    return replace(request, url=add_query(request.url, [(each.name, fill.marker)]), fills=(*request.fills, fill))


def _in_path(request: Request[Secret], each: Placed) -> Request[Secret]:
    if not each.marker or each.marker not in request.url:
        raise _no_place(f"It fills {{{each.name}}} in the address, and this address has no {{{each.name}}}.")
    value = each.value if isinstance(each.value, Secret) else Secret(each.value)
    return replace(request, fills=(*request.fills, Fill(each.marker, value, Encoding.PERCENT)))


def _in_body(request: Request[Secret], each: Placed) -> Request[Secret]:
    fills = request.fills
    value = each.value
    if isinstance(value, Secret):
        fill = Fill(new_marker(), value, Encoding.JSON)
        fills, value = (*fills, fill), fill.marker
    try:
        document = parse_text(request.body.decode())
    except ValueError:
        document = None
    body = compact_json(_with_member(document, each.name.split("."), value, each.name)).encode()
    return replace(request, body=body, fills=fills)


def _with_member(document: JsonValue, path: Sequence[str], value: str, name: str) -> JsonValue:
    if not isinstance(document, dict):
        raise _no_place(f"It puts {name} into the JSON body, and this body has no object there.")
    inner = _with_member(document.get(path[0], {}), path[1:], value, name) if len(path) > 1 else value
    return {**document, path[0]: inner}


def _no_place(why: str) -> ProviderError:
    message = f"The authorization profile does not fit this request. {why}"
    return ProviderError(ErrorKind.PROFILE_NOT_CONFIGURED, message, "Choose another profile, or change the model's definition.")


_PLACES: Mapping[str, Callable[[Request[Secret], Placed], Request[Secret]]] = {
    "header": _in_header,
    "query": _in_query,
    "body": _in_body,
    "path": _in_path,
}
