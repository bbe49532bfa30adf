"""A pasted command without its credentials, to be shown again: each becomes a placeholder, which is then asked for (spec 07 A6)."""

import re
from collections.abc import Iterable
from itertools import count

_MIN_SECRET = 4  # characters: shorter ones stand in ordinary words

_NAMES = r"(?<![\w-])[\w-]*(?:authorization|cookie|key|token|secret|password|credential|signature)"
_OPTIONS = r"(?:-u|-b|-U|(?:--user|--cookie|--oauth2-bearer|--proxy-user)(?=[\s=]))"
# Every pattern here begins at a border and steps over a run of signs once, so that its work grows as the text does.
_GUESSES = (
    # A header line, its scheme kept; a query value or a member; the value of an option; a scheme and what follows it
    re.compile(rf"(?i)({_NAMES}\\?[\"']?\s*[:=]\s*\\?[\"']?(?:(?:bearer|basic|token|bot|key)\s+)?)([^\s\"'\\&]+)"),
    re.compile(r"(?i)(cookie:)([^\"'\r\n]+)"),
    re.compile(rf"(?i)((?:^|(?<=\s)){_OPTIONS}[\s=]*)(\"[^\"\n]*\"|'[^'\n]*'|[\"']?[^\s\"']+)"),
    re.compile(r"(?i)((?:bearer|basic)\s+)([^\s\"'\\]+)"),
)
_LONG_WORD = re.compile(r"()(?<![\w/.-])((?=[\w-]*[0-9])(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{32,})(?![\w/.])")
_SHAPES = (
    # Name and password in an address; what looks like a key wherever it stands
    re.compile(r"(://)([^/?#\s@\"']+)(?=@)"),
    re.compile(r"()(?<![\w-])((?:sk|pk|rk|hf|gsk|xai|ghp|glpat|AIza|AKIA)[-_]?[A-Za-z0-9_-]{8,})"),
    _LONG_WORD,
)
_MAX_MODEL_NAME = 100  # characters
_MODEL_WORD = re.compile(r"[a-z]{1,12}|[A-Za-z0-9]{1,4}|[0-9]{1,8}")
# As a whole, or as much of it as stands before a blank
_PLACEHOLDER = re.compile(
    r"(\$\{[A-Za-z_][\w-]*\}|\$[A-Za-z_]\w*|\{\{[^{}]*\}\}|\{[A-Za-z_][\w .-]*\}|<[A-Za-z][\w .-]*>"
    r"|<[A-Za-z][\w.-]*$|\{\{$|(?:YOUR|Your|your)[_-][\w-]*|YOUR$)"
)
_TAKEN = re.compile(r"\bKEY(?:_[0-9]+)?\b")
_NAME_BEFORE = re.compile(r"[A-Za-z_-]{1,20}=")  # "token=" before a placeholder
_BETWEEN = re.compile(r"([;\s]+)")
_INNER = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)


def mask_known(text: str, secrets: Iterable[str]) -> str:
    """The text with these credentials taken out, and with what looks like one.

    "" where none of them can be found as it stands, or one is too short to look for.
    """
    wanted = [secret for secret in dict.fromkeys(secrets) if secret]
    if any(len(secret) < _MIN_SECRET for secret in wanted):
        return ""
    hider, masked = _Hider(text), text
    stand_ins = {secret: hider.stand_in(secret) for secret in wanted if secret in text}
    for secret in sorted(stand_ins, key=len, reverse=True):  # a short one may be a part of a longer one
        masked = masked.replace(secret, stand_ins[secret])
    return hider.without(masked, _SHAPES) if masked != text or not wanted else ""


def mask_likely(text: str) -> str:
    """The text of a command that could not be read, with everything taken out that may be a credential."""
    return _Hider(text).without(text, (*_GUESSES, *_SHAPES))


def literal_pieces(text: str, placeholder: re.Pattern[str]) -> list[str]:
    """What stands around the placeholders of a credential and may be a part of it."""
    words = (word for piece in placeholder.sub("\n", text).split("\n") for word in _BETWEEN.split(piece))
    return [match.group() for word in words if (match := _piece_in(word))]


def _piece_in(word: str) -> re.Match[str] | None:
    """A part of a credential within a word; signs around it, short words, and a name with “=” are none."""
    match = _INNER.search(word)
    return match if match and len(match.group()) >= _MIN_SECRET and not _NAME_BEFORE.fullmatch(word) else None


def _is_model_name(text: str) -> bool:
    """`gpt-4o-mini-2024-07-18` has digits and letters as a key does, in short words."""
    return len(text) <= _MAX_MODEL_NAME and all(_MODEL_WORD.fullmatch(word) for word in re.split("[-_]", text))


class _Hider:
    """Gives each credential a placeholder of its own, under a name that the text does not use yet."""

    def __init__(self, text: str) -> None:
        taken = set(_TAKEN.findall(text))
        self.free = (name for number in count(1) if (name := "KEY" if number == 1 else f"KEY_{number}") not in taken)
        self.known: dict[str, str] = {}

    def stand_in(self, secret: str) -> str:
        if secret not in self.known:
            self.known[secret] = f"<{next(self.free)}>"
        return self.known[secret]

    def without(self, text: str, patterns: Iterable[re.Pattern[str]]) -> str:
        for pattern in patterns:
            text = pattern.sub(self.hidden, text)
        return text

    def hidden(self, match: re.Match[str]) -> str:
        lead, value = match.groups()
        inner = value.strip("\"'")
        if not inner or (match.re is _LONG_WORD and _is_model_name(value)):
            return match.group()
        before, _, after = value.partition(inner)
        pieces = _PLACEHOLDER.split(inner)
        if len(pieces) == 1:
            shown = (word if index % 2 or not word else self.stand_in(word) for index, word in enumerate(_BETWEEN.split(inner)))
        else:
            shown = (piece if index % 2 else self.around(piece) for index, piece in enumerate(pieces))
        return f"{lead}{before}{''.join(shown)}{after}"

    def around(self, piece: str) -> str:
        """A piece beside a placeholder, without what may be a part of a credential."""
        return "".join(self.part(word) for word in _BETWEEN.split(piece))

    def part(self, word: str) -> str:
        match = _piece_in(word)
        return word[: match.start()] + self.stand_in(match.group()) + word[match.end() :] if match else word
