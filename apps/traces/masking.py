"""Masking patterns in what calls say, before anything is written (spec 06, Traces). Quick where nothing matches, which is nearly always.

Expressions are RE2's: one search takes time in proportion to the text. Many matches, and large expressions, can still add up: a text has
BUDGET seconds, for the event loop waits meanwhile.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import msgspec
import re2

from apps.providers.jsonread import storable

EMAIL, CARD, KEY, OWN = "[e-mail]", "[card number]", "[key]", "[masked]"
MAX_PATTERNS, MAX_PATTERN = 20, 500
BUDGET = 0.25  # seconds of the processor for one text; what takes longer was made to
MAX_PROGRAM = 5_000  # instructions of one expression: a Unicode class is some 1,200
SAMPLE = 16 * 1024  # characters of each text that an expression is tried on
MAX_SAMPLE = 0.05  # seconds for each, without what the matches themselves take
PER_MATCH = 12e-6  # seconds
MAX_NESTED = 3  # JSON in texts of JSON: the arguments of tool calls
MEMORY = 4 * 2**20  # of one compiled expression; one that wants more is refused

EMAILS = r"[\pL\pN._%+\-]+@[\pL\pN\-]+(?:\.[\pL\pN\-]+)+"
CARDS = r"\d(?:[ \-]?\d){12,}"
# Keys may stand in JSON, where a line's end is `\n` (whose letter is no part of a word) and a slash can be `\/`: what matches once that is
# undone matches before, too, so that one search tells whether it has to be.
GAP = r"(?:\s|\\+[fnrt])"
BEARER = r"(?:[A-Za-z0-9._~+/\-]|\\+/){16,}=*"
# Keys by their shape, and anything long after "Bearer". The first group stays.
SHAPES = "|".join(
    (
        r"(?:sk|pk|rk)[-_][A-Za-z0-9_\-]{16,}",
        r"pb_[A-Za-z0-9]+_[A-Za-z0-9_\-]{16,}",
        r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w\-]{16,}|hf_[A-Za-z0-9]{20,}",
        r"(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"xox[abeprs]-[A-Za-z0-9\-]{10,}",
        r"AIza[A-Za-z0-9_\-]{30,}",
        r"eyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*",
        rf"(?i:bearer){GAP}+{BEARER}",
    )
)
PRIVATE = r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]*PRIVATE KEY-----)?"
KEYS = rf"(\b|\\[bfnrt])(?:{SHAPES})|{PRIVATE}"
# A name that speaks of a key, then something long and random: `"api_key": "…"`, `token=…`. The quotes may be escaped.
NAME = r"(?i:key|secret|token|passw(?:or)?d|credential|authorization)\w*"
VALUE = r"(?:[A-Za-z0-9_\-./+=~]|\\+/){16,}"
NAMED = rf"""({NAME}(?:\\*["'])?{GAP}*[:=]{GAP}*(?:\\*["'])?)({VALUE})"""
NAMED_TEXT = rf'({NAME}"\s*:\s*)("{VALUE})'  # in JSON, where name and value are two texts
ANCHORS = re.compile(r"[$^]|\\[Az]")  # of people's own expressions: what fits a text alone may not fit it in its document
# JSON's texts, the last one maybe cut, and whole numbers. Python's own: no alternative of it can go back.
PIECES = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)("|\\?\Z)|(?<![\w.+-])-?\d+(?![\w.+-])', re.DOTALL)
SEPARATED = re.compile(r"[ -]")
ESCAPED = re.compile(
    r"\\+u([dD][89abAB][0-9a-fA-F]{2})\\+u([dD][c-fC-F][0-9a-fA-F]{2})|\\+u([0-9a-fA-F]{4})"
)  # in JSON inside of JSON there are more backslashes
LUHN_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


type Replace = Callable[[Any], str]  # of a match


class TooSlow(Exception):
    """The text cannot be masked within its time."""


class Clock:
    """What is left of a text's time."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.thread_time() + BUDGET

    def check(self) -> None:
        """Raises TooSlow."""
        if time.thread_time() > self._until:
            raise TooSlow


class Masks:
    """One choice of what is masked. Made once per choice by `masks_for`."""

    def __init__(self, *, emails: bool, cards: bool, keys: bool, patterns: Sequence[str]) -> None:
        self.cards = cards
        self.named_text = _compile(NAMED_TEXT) if keys else None
        self.plain: list[tuple[Any, Replace]] = [(_compile(NAMED), _named)] if keys else []
        self.plain += [(_compile(EMAILS), _always(EMAIL))] if emails else []
        self.plain += [(_compile(KEYS), _key)] if keys else []
        # People's own: in a document they are asked of what it says, not of how that is written.
        self.own = [_compile(pattern) for pattern in patterns]
        self.anchored = any(map(ANCHORS.search, patterns))
        self.plain += [(each, _always(OWN)) for each in self.own]
        self.plain += [(_compile(CARDS), _card)] if cards else []
        wanted = [EMAILS] * emails + [CARDS] * cards + [KEYS, NAMED] * keys
        # One pass that tells whether there is anything to do at all; people's own are asked one by one, as each may set flags.
        self.ours = [_compile("|".join(f"(?:{each})" for each in wanted))] if wanted else []
        self.tests = self.ours + self.own
        self.only_test = self.tests[0].search if self.ours and not self.own else None

    def mask(self, text: str) -> str:
        """The text with what matches replaced. A JSON document stays one, and is otherwise left as it was written. Raises TooSlow."""
        if self.only_test and "\\u" not in text and self.only_test(text.encode("utf-8", "replace")) is None:
            return text  # nearly always, and one search has no need of a clock
        return self._mask(text, Clock(), 0) if self.tests and text else text

    def _mask(self, text: str, clock: Clock, depth: int) -> str:
        plain = ESCAPED.sub(_unescaped, text) if "\\u" in text else text
        may_be_json = depth <= MAX_NESTED and text.lstrip()[:1] in ("{", "[", '"')
        if not (_suspect(self.ours, plain, clock) or self._suspects_own(text if may_be_json else plain, clock, may_be_json)):
            return text
        if may_be_json and _is_json(text):
            text = _replaced(self.named_text, text, _named_text, clock) if self.named_text else text
            return PIECES.sub(lambda piece: self._piece(piece, clock, depth), text)
        plain = storable(plain)
        masked = self._mask_plain(plain, clock)
        if may_be_json:  # a document that was cut
            masked = PIECES.sub(lambda piece: self._in_text(piece, clock, depth) if "\\" in piece[0] else piece[0], masked)
        return text if masked == plain else masked

    def _suspects_own(self, text: str, clock: Clock, may_be_json: bool) -> bool:
        if not (self.own and may_be_json):
            return _suspect(self.own, text, clock)
        return self.anchored or _suspect(self.own, "\n".join((text, *_pieces(text, MAX_NESTED))), clock)

    def _piece(self, piece: re.Match[str], clock: Clock, depth: int) -> str:
        said = piece[1]
        if said is None:
            return self._number(piece[0], clock)
        if "\\" in said:
            return self._in_text(piece, clock, depth)
        return f'"{self._mask_plain(said, clock)}"' if _suspect(self.tests, said, clock) else piece[0]

    def _in_text(self, piece: re.Match[str], clock: Clock, depth: int) -> str:
        """One that has to be read, and written again where something is masked."""
        said = _read(piece)
        masked = self._mask(said, clock, depth + 1)
        return piece[0] if masked == said else json.dumps(masked, ensure_ascii=False)[:-1] + piece[2]

    def _number(self, digits: str, clock: Clock) -> str:
        if self.cards and is_card(digits):
            return f'"{CARD}"'
        return f'"{OWN}"' if self.own and _suspect(self.own, digits, clock) else digits

    def _mask_plain(self, text: str, clock: Clock) -> str:
        for expression, by in self.plain:
            text = _replaced(expression, text, by, clock)
        return text


def _suspect(tests: Sequence[Any], text: str, clock: Clock) -> bool:
    """Whether there is anything for one of them in the text as it stands."""
    if not tests:
        return False
    data = text.encode("utf-8", "replace")
    for test in tests:
        if test.search(data):
            return True
        clock.check()
    return False


def _pieces(text: str, depth: int) -> Iterator[str]:
    """What a document says, and what the documents in it say, as it would be masked."""
    for piece in PIECES.finditer(text):
        said = _read(piece)
        if "\\" in piece[0] and depth and said.lstrip()[:1] in ("{", "[", '"'):
            yield from _pieces(said, depth - 1)
        yield ESCAPED.sub(_unescaped, said) if "\\u" in said else said


def _read(piece: re.Match[str]) -> str:
    """What a text or number says. As it is written, where that is not JSON's way: then it comes from no document."""
    said = piece[0] if piece[1] is None else piece[1]
    if "\\" not in said:
        return said
    for end in (len(said), said.rfind("\\")):  # the last escape may have been cut
        try:
            return str(json.loads(f'"{said[:end]}"', strict=False))
        except ValueError:
            continue
    return said


@lru_cache(maxsize=512)
def masks_for(emails: bool, cards: bool, keys: bool, patterns: tuple[str, ...]) -> Masks:
    """Raises PatternRefused."""
    return Masks(emails=emails, cards=cards, keys=keys, patterns=patterns)


class PatternRefused(Exception):
    """The message is for the person who wrote the pattern."""


def check_pattern(pattern: str) -> None:
    """Raises PatternRefused."""
    if len(pattern) > MAX_PATTERN:
        raise PatternRefused(f"An expression has at most {MAX_PATTERN} characters.")
    expression = _compile(pattern)
    if expression.search(""):
        raise PatternRefused(f"“{pattern}” fits nothing at all too, so it would be everywhere. Ask for at least one character.")
    if expression.programsize > MAX_PROGRAM:
        raise PatternRefused(f"“{pattern}” is too large. Use fewer or smaller repetitions; + in place of large numbers helps most.")
    if any(_cost(expression, sample) > MAX_SAMPLE and _cost(expression, sample) > MAX_SAMPLE for sample in _samples(pattern)):
        raise PatternRefused(
            f"“{pattern}” would take too long in some texts. Use smaller repetitions, and nothing that may run to a text's end."
        )


def _samples(pattern: str) -> list[str]:
    """Texts that are hard for an expression: of one of its own characters each, and of all of them."""
    own = list(dict.fromkeys(each for each in pattern if each.isalnum()))[:12]
    units = dict.fromkeys(["a", "0", " ", "a0 -", "aB3@x.", *own, "".join(own), " ".join(own)])
    return [(unit * SAMPLE)[:SAMPLE] for unit in units if unit]


def _cost(expression: Any, text: str) -> float:
    """Seconds of the processor that its searches take, the last of them cut short."""
    began = time.thread_time()
    matches = 0
    for matches, _ in enumerate(expression.finditer(text), 1):
        if not matches % 64 and time.thread_time() - began - matches * PER_MATCH > MAX_SAMPLE:
            break
    return time.thread_time() - began - matches * PER_MATCH


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as problem:
        reason = problem.args[0] if problem.args else problem
        reason = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise PatternRefused(f"“{pattern}” is no regular expression of RE2: {reason}.") from None


def _always(mask: str) -> Replace:
    return lambda _: mask


def _key(found: Any) -> str:
    return (found[1] or "") + KEY


def _named(found: Any) -> str:
    return found[1] + KEY if _is_random(found[2]) else str(found[0])


def _named_text(found: Any) -> str:
    return f'{found[1]}"{KEY}' if _is_random(found[2]) else str(found[0])


def _is_random(value: str) -> bool:
    """Neither long words nor large numbers are keys."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return bytes.fromhex(found[1] + found[2]).decode("utf-16-be")
    code = int(found[3], 16)
    return found[0] if 0xD800 <= code < 0xE000 else chr(code)  # halves of a pair stay: they are in no pattern of ours


def _replaced(expression: Any, text: str, by: Replace, clock: Clock) -> str:
    """As `sub` does it, looking at the clock. Matches of no character at all are left alone."""
    parts: list[str] = []
    done = 0
    for number, found in enumerate(expression.finditer(text)):
        if not number % 32:
            clock.check()
        start, end = found.span()
        if start < end:
            parts += (text[done:start], by(found))
            done = end
    return "".join((*parts, text[done:])) if parts else text


def _card(found: Any) -> str:
    """Whole groups of digits that make a card's number, the longest first; the digits around them stay. In one pass."""
    text: str = found[0]
    groups = SEPARATED.split(text)
    digits = "".join(groups)
    ends = list(accumulate(map(len, groups)))
    group_at = {end: number for number, end in enumerate(ends)}
    sums = _luhn_sums(digits)
    parts: list[str] = []
    done = begin = 0  # in the text, in the digits
    for number, start in enumerate((0, *ends[:-1])):
        if start < begin or digits[start] not in "3456":
            continue
        for end in range(start + 19, start + 12, -1):
            if end in group_at and not (sums[end % 2][end] - sums[end % 2][start]) % 10:
                # Each group before has one separator behind it.
                parts += (text[done : start + number], CARD)
                done, begin = end + group_at[end], end
                break
    return "".join((*parts, text[done:]))


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Luhn's sums up to each place, for numbers that end at an even place and at an odd one: every second digit counts double."""
    single = list(map(int, digits))
    double = [LUHN_DOUBLED[digit] for digit in single]
    even, odd = single[:], single[:]
    even[::2], odd[1::2] = double[::2], double[1::2]
    return [0, *accumulate(even)], [0, *accumulate(odd)]


def is_card(digits: str) -> bool:
    """13 to 19 digits of an issuer (3 to 6 in front) whose checksum is right (Luhn)."""
    if not (13 <= len(digits) <= 19 and digits[0] in "3456"):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
