"""Redaction by value (spec 07 A9): what a call has revealed is taken out of everything that call writes down.

Imports nothing of Django's, so that the logging configuration can use it before apps are loaded.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote, quote_plus

MASK = "••••"
MIN_LENGTH = 4  # shorter values are parts of ordinary words: replacing them would shred every text and hide nothing
MIN_BASE64 = 8  # encoded fragments shorter than this match by chance
MAX_VALUES = 256  # bounds a context that never ends, for example a worker thread outside call_secrets(); never a call's own
# JSON writers may escape any character: .NET writes "+" as \u002B, Go "&" as \u0026. After an even number of backslashes it is an escape.
JSON_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-7][0-9a-fA-F])")
SCHEME_AND_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}\s+(\S.*)", re.DOTALL)

type _Values = dict[str, tuple[str, ...] | None]  # revealed text -> its written forms, worked out when first needed


class _Scope:
    """What was revealed in one call, or (`endless`) in a context outside any."""

    def __init__(self, *, endless: bool) -> None:
        self.values: _Values = {}
        self.endless = endless


_revealed: ContextVar[_Scope | None] = ContextVar("patchbay_revealed", default=None)


@contextmanager
def call_secrets() -> Iterator[None]:
    """The life of one call: secrets revealed inside, also in tasks started inside, are known to redact() until it ends.

    Nested use shares the outermost scope, so that an inner one never forgets a value early.
    """
    around = _revealed.get()
    if around is not None and not around.endless:
        yield
        return
    token = _revealed.set(_Scope(endless=False))
    try:
        yield
    finally:
        _revealed.reset(token)


def register(text: str) -> None:
    """Remember a revealed value for this call. Outside call_secrets() it is remembered by the current context."""
    scope = _revealed.get()
    if scope is None:
        scope = _Scope(endless=True)
        _revealed.set(scope)
    for value in (text, *_credentials(text)):
        if len(value) >= MIN_LENGTH:
            scope.values.setdefault(value, None)
    # A call forgets none of its secrets: whoever can add headers to it could push a colleague's key out.
    while scope.endless and len(scope.values) > MAX_VALUES:
        del scope.values[next(iter(scope.values))]


def redact(text: str) -> str:
    """The text with every value revealed in this call, in any usual written form, replaced by a mask. Longest first."""
    scope = _revealed.get()
    if scope is None or not scope.values or not text:
        return text
    values = scope.values
    forms: set[str] = set()
    for value, known in list(values.items()):
        if known is None:
            known = values[value] = _written_forms(value)
        forms.update(known)
    longest_first = sorted(forms, key=len, reverse=True)
    text = _masked(text, longest_first)
    if "\\u00" in text:
        plain = JSON_ESCAPE.sub(_unescaped, text)
        masked = _masked(plain, longest_first)
        return text if masked == plain else masked
    return text


def _masked(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    return text


def _unescaped(found: re.Match[str]) -> str:
    """The character as JSON's usual writers put it: the text means the same as before."""
    return found[1] + json.dumps(chr(int(found[2], 16)))[1:-1]


def _credentials(text: str) -> tuple[str, ...]:
    """The credentials of "Bearer abc": a provider that quotes a key in its error leaves the scheme out."""
    stripped = text.strip()
    found = SCHEME_AND_CREDENTIALS.fullmatch(stripped)
    return (stripped, found[1]) if found else (stripped,)


def _written_forms(value: str) -> tuple[str, ...]:
    percent = {quote(value, safe=""), quote(value), quote_plus(value)}
    forms = {
        value,
        *percent,
        *(re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in percent),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1].replace("/", "\\/"),
        repr(value)[1:-1],
        html.escape(value),
        *_base64_forms(value.encode("utf-8", "surrogatepass")),
    }
    return tuple(form for form in forms if len(form) >= MIN_LENGTH)


def _base64_forms(raw: bytes) -> set[str]:
    """What base64 makes of the value alone and at each of the three offsets it can have inside "user:password"."""
    forms = set()
    for offset, lead in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(offset) + raw).decode()
        inner = encoded[lead : (offset + len(raw)) * 8 // 6]
        whole = encoded if offset == 0 else inner
        forms |= {form for form in (inner, whole) if len(form) >= MIN_BASE64}
    return forms | {form.translate(_URL_SAFE) for form in forms}


_URL_SAFE = str.maketrans("+/", "-_")
