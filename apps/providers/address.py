"""Path parameters in an endpoint URL: `{name}`, whose value each connection sets (spec 02, General; spec 07 C2)."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.variables import MAX_NAME, VARIABLE_NAME

_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<host>[^/?#:]*)(?P<port>:[^/?#]*)?(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?")
_PARAMETER = re.compile(r"\{(" + VARIABLE_NAME.pattern + r")\}")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def url_parameters(url: str) -> tuple[str, ...]:
    """The parameters of a URL, each once, in their order. Raises ProviderError(URL_INVALID) for one that is malformed or misplaced."""
    _check_braces(url)
    names = _PARAMETER.findall(url)
    if names:
        _check_places(_split(url))
    return tuple(dict.fromkeys(names))


def fill_url(url: str, values: Mapping[str, str]) -> str:
    """The URL with every parameter filled in, encoded for its place: one DNS label, one path segment, one query value.

    Raises ProviderError(URL_INVALID) for a value that is missing, empty, no DNS label where one is needed, or makes a `.` or `..` segment.
    """
    if "{" not in url and "}" not in url:  # most addresses, and this is asked for each call
        return url
    names = url_parameters(url)
    if not names:
        return url
    _check_given(names, values)
    parts = _split(url)
    host = _PARAMETER.sub(lambda match: _as_label(match.group(1), values), parts["host"] or "")
    path = "/".join(_fill_segment(segment, values) for segment in (parts["path"] or "").split("/"))
    query = _PARAMETER.sub(lambda match: _encoded(match.group(1), values), parts["query"] or "")
    return f"{parts['scheme']}://{host}{parts['port'] or ''}{path}{query}"


def add_query(url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The URL with these query parameters after those it has, percent-encoded."""
    added = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
    if not added:
        return url
    return f"{url}{'&' if '?' in url else '?'}{added}"


def _check_braces(url: str) -> None:
    if "{{" in url:
        raise _invalid(
            "A parameter in the URL has single braces, {name}, and each connection sets its value; variables go into body and headers."
        )
    rest = _PARAMETER.sub("", url)
    if "{" in rest or "}" in rest:
        raise _invalid("A parameter in the URL is written {name}: a letter or “_” first, then letters, digits, “_”, “.” and “-”.")
    too_long = next((name for name in _PARAMETER.findall(url) if len(name) > MAX_NAME), "")
    if too_long:
        raise _invalid(f"The name of the URL parameter {too_long[:20]}… is longer than {MAX_NAME} characters.")


def _split(url: str) -> dict[str, str | None]:
    match = _URL.fullmatch(url)
    if not match:
        raise _invalid(
            "Enter a whole URL that begins with https:// or http://, without a “#”; only host, path and query can have parameters."
        )
    return match.groupdict()


def _check_places(parts: Mapping[str, str | None]) -> None:
    if "@" in (parts["host"] or "") or "@" in (parts["port"] or ""):
        raise _invalid("The URL cannot hold a user name or password.")
    if _PARAMETER.search(parts["port"] or ""):
        raise _invalid("The port in the URL cannot be a parameter.")
    for pair in (parts["query"] or "?")[1:].split("&"):
        if _PARAMETER.search(pair.partition("=")[0]):
            raise _invalid("In the query, a parameter stands after “=”: name={value}.")


def _check_given(names: Iterable[str], values: Mapping[str, str]) -> None:
    for name in names:
        if not values.get(name):
            raise _invalid(f"The URL parameter “{name}” has no value.", "Set it on the connection.")


def _as_label(name: str, values: Mapping[str, str]) -> str:
    if not _LABEL.fullmatch(values[name]):
        message = f"The value of the URL parameter “{name}” cannot be a part of a host name."
        raise _invalid(message, "Use letters, digits and hyphens only, 63 at most, no dot, no hyphen at either end.")
    return values[name]


def _fill_segment(segment: str, values: Mapping[str, str]) -> str:
    filled = _PARAMETER.sub(lambda match: _encoded(match.group(1), values), segment)
    if filled != segment and unquote(filled) in (".", ".."):  # servers read %2e as a dot: it would leave the path
        raise _invalid("A URL parameter cannot make a path step “.” or “..”.")
    return filled


def _encoded(name: str, values: Mapping[str, str]) -> str:
    try:
        return quote(values[name], safe="")
    except UnicodeEncodeError:
        raise _invalid(f"The value of the URL parameter “{name}” is not valid Unicode.") from None


def _invalid(message: str, hint: str = "Correct the endpoint URL.") -> ProviderError:
    return ProviderError(ErrorKind.URL_INVALID, message, hint)
