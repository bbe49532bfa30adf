"""The address of a pasted request: its placeholders become URL parameters or questions, and a credential in it never stays there."""

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

from apps.providers.address import url_parameters
from apps.providers.errors import ProviderError
from apps.providers.imported import ImportedHeader, ImportRefused, Question
from apps.providers.masking import literal_pieces
from apps.providers.placeholders import IN_ADDRESS, MARKED, Marks, as_name, is_no_credential, names_in
from apps.providers.secret_names import holds_credential

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"\[[0-9a-zA-Z]+-[0-9a-zA-Z]+(?::[0-9]+)?\]")
_WHOLE_HOST = re.compile(r"//\0([^\0]+)\0(?=[/:?#]|$)")
_ONLY_IN_QUERIES = frozenset({"auth", "code"})  # credentials of such names, beside those that have one everywhere
_NO_HEADER = (
    "The key in the address (“{name}”) is left out: in an address it would stand in logs. "
    "Give it by an authorization profile of the type *API key*, sent in the query."
)


@dataclass(slots=True)
class ImportedAddress:
    """The address without credentials, and what came out of it."""

    url: str = ""
    parameters: tuple[str, ...] = ()
    headers: list[ImportedHeader] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list, repr=False)
    needs_profile: str = ""


def read_address(url: str, query: tuple[str, ...], marks: Marks, *, globs: bool) -> ImportedAddress:
    """Take the address apart. Raises ImportRefused for one that curl would expand, or that is none."""
    found = ImportedAddress()
    url = marks.fill(marks.mark(url, IN_ADDRESS))
    url = re.sub(r"^([A-Za-z]+://[^/?#]+)//+", r"\1/", url)  # an endpoint with a slash at its end, before a path with one
    url = _checked(url, found, globs)
    url = _without_fragment(url, found)
    for pair in query:
        url += ("&" if "?" in url else "?") + marks.fill(pair)
    url = _without_user(url, marks, found)
    url = _without_credentials(url, marks, found)
    found.url = _with_parameters(url, marks, found)
    if found.questions:
        return found
    try:
        found.parameters = url_parameters(found.url)
    except ProviderError as error:
        raise ImportRefused(f"The address cannot be taken over. {error.message}") from None
    return found


def _checked(url: str, found: ImportedAddress, globs: bool) -> str:
    if re.search(r"\s", url):
        raise ImportRefused("The address contains a blank.")
    if globs and (_RANGE.search(url) or any("," in inside for inside in _BRACES.findall(url))):
        raise ImportRefused("curl would make several requests of this address: it expands [1-9] and {a,b}. Write one address.")
    scheme = _SCHEME.match(url)
    if scheme is None:
        if url.startswith("\0"):
            return url
        found.notes.append("The address names no protocol, so it is http://, as curl takes it.")
        return f"http://{url}"
    if scheme.group(1).lower() not in ("http", "https"):
        raise ImportRefused(f"Only http and https can be called, not {scheme.group(1)[:20]}.")
    return url


def _without_fragment(url: str, found: ImportedAddress) -> str:
    plain, sign, _ = url.partition("#")
    if sign:
        found.notes.append("The part after “#” is left out: it is never sent.")
    return plain


def _without_user(url: str, marks: Marks, found: ImportedAddress) -> str:
    """`https://name:password@host` is basic authentication."""
    start, sign, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    user, at, host = host.rpartition("@")
    if not at:
        return url
    if names_in(user):
        raise ImportRefused("A placeholder cannot stand before “@” in the address. Write the name and password with -u.")
    credential = base64.b64encode(unquote(user).encode()).decode()
    found.headers.append(ImportedHeader("Authorization", credential, True, "Basic "))
    name, _, password = user.partition(":")
    found.secrets += [password or name, unquote(password or name), credential]
    found.notes.append("The name and password in the address became the header Authorization.")
    return f"{start}{sign}{host}{slash}{path}"


def _without_credentials(url: str, marks: Marks, found: ImportedAddress) -> str:
    """Take keys out of the query: Google's goes into the header that Google documents for it, others need a profile."""
    plain, _, query = url.partition("?")
    kept = []
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        plain_name = unquote_plus(name).strip()
        if plain_name.lower() not in _ONLY_IN_QUERIES and not holds_credential(plain_name):
            kept.append(pair)
            continue
        if names_in(value):
            found.secrets += literal_pieces(value, MARKED)
        elif value and not is_no_credential(value):
            found.secrets += [value, unquote(value)]
        if name == "key" and _host(plain).endswith(".googleapis.com"):
            found.headers.append(ImportedHeader("x-goog-api-key", unquote(value), True))
            found.notes.append("The key in the address became the header x-goog-api-key, which Google takes just as well.")
        else:
            found.needs_profile = _NO_HEADER.format(name=name)
    return plain + ("?" + "&".join(kept) if kept else "")


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].lower()


def _with_parameters(url: str, marks: Marks, found: ImportedAddress) -> str:
    """Placeholders as `{name}` where a URL parameter may stand; elsewhere they are asked for, and stand as they were written."""
    asked = _asked(url)
    found.questions += [Question(name, marks.written[name], "the address") for name in asked]

    def shown(match: re.Match[str]) -> str:
        name = match.group(1)
        return marks.written[name] if name in asked else f"{{{as_name(name)}}}"

    return MARKED.sub(shown, url)


def _asked(url: str) -> tuple[str, ...]:
    """A URL parameter is one label, segment or query value. The protocol, a whole host, a port or a query's name cannot be one."""
    wanted = [url.split("\0")[1]] if url.startswith("\0") else []
    wanted += _WHOLE_HOST.findall(url)
    authority = re.split(r"[/?]", url.partition("://")[2])[0]
    wanted += names_in(authority.rpartition("]")[2].partition(":")[2])
    wanted += [name for pair in url.partition("?")[2].split("&") for name in names_in(pair.partition("=")[0])]
    return tuple(dict.fromkeys(wanted))
