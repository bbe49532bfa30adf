"""A pasted command without its credentials, to be shown again: each becomes a placeholder, which is then asked for (spec 07 A6)."""

import re
from collections.abc import Iterable

STAND_IN = "<KEY>"
_MIN_SECRET = 4  # characters: shorter ones stand in ordinary words

_NAMES = r"authorization|cookie|[\w-]*(?:key|token|secret|password|credential)"
_GUESSES = (
    # A header line, its scheme kept; a query value; name and password in an address or after -u; -b and --oauth2-bearer
    re.compile(rf"(?i)((?:{_NAMES})[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic|token|bot|key)\s+)?)([^\s\"'\\&]+)"),
    re.compile(r"(?i)(://)([^/\s@\"']+)(?=@)"),
    re.compile(r"(?i)((?:^|\s)(?:-u|-b|--user|--cookie|--oauth2-bearer|--proxy-user|-U)[\s=]*[\"']?)([^\s\"']+)"),
    re.compile(r"(?i)((?:bearer|basic)\s+)([^\s\"'\\]+)"),
    # What looks like a key wherever it stands
    re.compile(r"()(?<![\w-])((?:sk|pk|rk|hf|gsk|xai|ghp|glpat|AIza|AKIA)[-_]?[A-Za-z0-9_-]{8,})"),
    re.compile(r"()(?<![\w/.-])((?=[\w-]*[0-9])(?=[\w-]*[A-Za-z])[A-Za-z0-9_-]{32,})(?![\w/.])"),
)
_PLACEHOLDER = re.compile(r"\$|<|\{|YOUR|your")


def mask_known(text: str, secrets: Iterable[str]) -> str:
    """The text with these credentials taken out; "" where one cannot be found as it stands, or is too short to look for."""
    wanted = sorted(filter(None, secrets), key=len)
    if any(len(secret) < _MIN_SECRET for secret in wanted):
        return ""
    masked = text
    for secret in wanted:
        masked = masked.replace(secret, STAND_IN)
    return masked if masked != text or not wanted else ""


def mask_likely(text: str) -> str:
    """The text of a command that could not be read, with everything taken out that may be a credential."""
    for pattern in _GUESSES:
        text = pattern.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    lead, value = match.groups()
    return match.group() if _PLACEHOLDER.match(value) else lead + STAND_IN
