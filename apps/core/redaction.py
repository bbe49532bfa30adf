"""Redaction by value (spec 07 A9): what a call has revealed is taken out of everything that call writes down.

Imports nothing of Django's, so that the logging configuration can use it before apps are loaded.
"""

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from urllib.parse import quote, quote_plus

MASK = "••••"
MIN_LENGTH = 4  # shorter values are parts of ordinary words: replacing them would shred every text and hide nothing
MIN_IN_ANSWERS = 12  # what a model says is not touched for anything shorter
MIN_BASE64 = 8  # encoded fragments shorter than this match by chance
MAX_VALUES = 256  # bounds a context that never ends, for example a worker thread outside call_secrets(); never a call's own
# JSON writers may escape any character: .NET writes "+" as \u002B, Go "&" as \u0026. After an even number of backslashes it is an escape.
JSON_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\u00([2-7][0-9a-fA-F])")
ESCAPE_LENGTH = len(r"\u0000")
_UNESCAPED = {f"{a}{b}": json.dumps(chr(int(f"{a}{b}", 16)))[1:-1] for a in "234567" for b in "0123456789abcdefABCDEF"}
_UNICODE = re.compile(r"\\u[0-9a-f]{4}")
SCHEME_AND_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}\s+(\S.*)", re.DOTALL)


class Revealed:
    """Texts that were revealed together, and what each may look like where it is repeated; worked out once, however many calls follow.

    Whoever sends the same secrets again and again keeps one of these with them. It holds the values: treat it like the secrets themselves.
    """

    __slots__ = ("_forms", "_long", "_long_roots", "_roots", "values")

    def __init__(self, texts: Iterable[str]) -> None:
        self.values = tuple(dict.fromkeys(value for text in texts for value in (text, *_credentials(text)) if len(value) >= MIN_LENGTH))
        self._forms: tuple[str, ...] | None = None
        self._roots: tuple[str, ...] | None = None
        self._long: tuple[bytes, ...] | None = None
        self._long_roots: tuple[bytes, ...] | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """Every written form of every value, the longest first."""
        if self._forms is None:
            self._forms = _longest_first(form for value in self.values for form in _written_forms(value))
        return self._forms

    @property
    def roots(self) -> tuple[str, ...]:
        """The forms that hold no other: a text without these has none at all. A third of them, usually."""
        if self._roots is None:
            self._roots = tuple(form for form in self.forms if not any(other in form for other in self.forms if other != form))
        return self._roots

    @property
    def long(self) -> tuple[bytes, ...]:
        """The values that no honest answer holds by chance, as bytes, the longest first."""
        if self._long is None:
            long = _longest_first(value for value in self.values if len(value) >= MIN_IN_ANSWERS)
            self._long = tuple(value.encode("utf-8", "surrogatepass") for value in long)
        return self._long

    @property
    def long_roots(self) -> tuple[bytes, ...]:
        """The same of `long`."""
        if self._long_roots is None:
            self._long_roots = tuple(value for value in self.long if not any(other in value for other in self.long if other != value))
        return self._long_roots


class _Scope:
    """What was revealed in one call, or (`endless`) in a context outside any."""

    def __init__(self, *, endless: bool) -> None:
        self.revealed: dict[tuple[str, ...], Revealed] = {}  # by their values
        self.endless = endless

    def forms(self) -> Sequence[str]:
        known = list(self.revealed.values())
        return known[0].forms if len(known) == 1 else _longest_first(form for each in known for form in each.forms)

    def is_in(self, text: str) -> bool:
        for each in self.revealed.values():
            for root in each.roots:
                if root in text:
                    return True
        return False

    def redact_answer(self, data: bytes) -> bytes:
        for revealed in self.revealed.values():
            for root in revealed.long_roots:
                if root in data:
                    for value in revealed.long:
                        data = data.replace(value, MASK.encode())
        return data


_revealed: ContextVar[_Scope | None] = ContextVar("patchbay_revealed", default=None)


class call_secrets:  # used like a function: `with call_secrets():`
    """The life of one call: secrets revealed inside, also in tasks started inside, are known to redact() until it ends.

    Nested use shares the outermost scope, so that an inner one never forgets a value early.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        around = _revealed.get()
        outermost = around is None or around.endless
        self._token = _revealed.set(_Scope(endless=False)) if outermost else None

    def __exit__(self, *exception: object) -> None:
        if self._token is not None:
            _revealed.reset(self._token)


def register(text: str) -> None:
    """Remember a revealed value for this call. Outside call_secrets() it is remembered by the current context."""
    remember(Revealed((text,)))


def remember(revealed: Revealed) -> None:
    """The same for values that are revealed often, which costs next to nothing."""
    scope = _revealed.get()
    if scope is None:
        scope = _Scope(endless=True)
        _revealed.set(scope)
    if revealed.values:
        scope.revealed.setdefault(revealed.values, revealed)
    # A call forgets none of its secrets: whoever can add headers to it could push a colleague's key out.
    while scope.endless and len(scope.revealed) > MAX_VALUES:
        del scope.revealed[next(iter(scope.revealed))]


def redact(text: str) -> str:
    """The text with every value revealed in this call, in any usual written form, replaced by a mask. Longest first."""
    scope = _revealed.get()
    if scope is None or not ("\\u00" in text or scope.is_in(text)):
        return text  # nearly always
    longest_first = scope.forms()
    text = _masked(text, longest_first)
    if "\\u00" in text:
        plain = _unescaped(text)
        masked = _masked(plain, longest_first)
        return text if masked == plain else masked
    return text


def redact_beginning(text: str, most: int) -> str:
    """The same of the first `most` characters, and at the price of these: a text can be a thousand times as long as what is kept of it."""
    if len(text) <= most:
        return redact(text)
    scope = _revealed.get()
    forms = scope.forms() if scope else ()
    reach = ESCAPE_LENGTH * len(forms[0]) if forms else 0  # a value that began in it may go as far, each character escaped
    if len(text) <= most + reach:
        return redact(text)[:most]
    masked = redact(text[: most + reach])
    return masked[: min(most, len(masked) - reach)]  # at its end may be the beginning of a value


def redact_answer(data: bytes) -> bytes:
    """An answer that goes on to a program, without the longer values that were revealed for it: a key that its server repeats as it is.

    Other written forms of a value, and one that comes in two pieces of `data`, are not found: this is done to every answer, and costs a
    search for each value.
    """
    scope = _revealed.get()
    return scope.redact_answer(data) if scope else data


def redacts_answers() -> Callable[[bytes], bytes]:
    """`redact_answer` with what this call has revealed, for callbacks of the event loop: those run outside of any call."""
    scope = _revealed.get()
    return scope.redact_answer if scope else bytes


class Unfolding:
    """A text that is shown while it comes in. What may be the beginning of a revealed value is held back until more of it is there."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown now."""
        text = redact(self._held + text)
        shown = len(text) - _open_end(text)
        self._held = text[shown:]
        return text[:shown]

    def rest(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held


def _open_end(text: str) -> int:
    """How many characters at the end of the text are the beginning of a revealed value."""
    scope = _revealed.get()
    longest = 0
    for form in scope.forms() if scope else ():
        for length in range(min(len(form) - 1, len(text)), longest, -1):
            if text.endswith(form[:length]):
                longest = length
                break
    return longest


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(forms), key=len, reverse=True))


def _masked(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        text = text.replace(form, MASK)
    return text


def _unescaped(text: str) -> str:
    """With characters as JSON's usual writers put them: the text means the same as before."""
    parts = JSON_ESCAPE.split(text)  # text, backslashes before, digits, text and so on
    parts[2::3] = [_UNESCAPED[digits] for digits in parts[2::3]]
    return "".join(parts)


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
        _UNICODE.sub(lambda found: found[0][:2] + found[0][2:].upper(), json.dumps(value)[1:-1]),
        json.dumps(json.dumps(value)[1:-1])[1:-1],  # an error in JSON that quotes another one
        json.dumps(json.dumps(value, ensure_ascii=False)[1:-1], ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        html.escape(value),
        html.escape(value).replace("&#x27;", "&#39;"),
        html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
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
