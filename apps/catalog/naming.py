"""Names of catalogue rows: how they are found by a search, and in which order they stand. Pure functions."""

import re

NEWEST = 2000  # generations in hundredths: "Claude Opus 5.5" is 550
# "4.1" of "gpt-4.1-mini", but not the size "8B" of "Llama 3 8B", the "8x7B" of Mixtral, or the year of "Mistral Large (24.02)".
VERSION = re.compile(r"(?<![\d.])(\d{1,2}(?:\.\d{1,2})?)(?![\d.]*\d)(?![bkx]\b|x\d)", re.IGNORECASE)
JOINTS = re.compile(r"[-_\s]+")


def generation(name: str) -> int:
    """The version that a name carries, in hundredths; 0 without one. "Claude Opus 5.5" gives 550, "o3" 300, "Llama 3.3 70B" 330."""
    versions = (round(float(found[1]) * 100) for found in VERSION.finditer(name))
    return next((version for version in versions if version < NEWEST), 0)


def position_of(provider_rank: int, name: str) -> int:
    """A number that sorts by provider, then newer generations first."""
    return provider_rank * NEWEST + NEWEST - 1 - generation(name)


def search_key(*texts: str) -> str:
    """The texts in the form in which a search compares them: lower case, and "gpt-6 sol" like "GPT 6 Sol"."""
    return JOINTS.sub(" ", " ".join(texts).lower())


def search_words(text: str) -> list[str]:
    """What a search text asks for, each to be found: "gpt-4 mini" asks for "gpt 4", which GPT-5.4 has not, and for "mini"."""
    return [search_key(word).strip() for word in text.split() if search_key(word).strip()]


def tidy_name(name: str) -> str:
    """Names as their makers write them: the package has "gpt 4o mini" and "gemini 1.5 Pro" beside "GPT-5 mini"."""
    name = re.sub(r"^gpt[- ](?=\d)", "GPT-", name)
    name = re.sub(r"^(GPT-[\w.]+)-(?=[a-z])", r"\1 ", name)
    return re.sub(r"^gemini\b", "Gemini", name)
