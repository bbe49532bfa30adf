"""What the page notices in the address of an endpoint that imitates an API. It says so; it never changes one."""

import pytest

from apps.onboarding.structures import STRUCTURES

HOST = "https://models.example.com"
# API reference, address, model identifier; words of the notice, "" for none
CASES = [
    ("openai", f"{HOST}/v1/chat/completions", "m", ""),
    ("openai", f"{HOST}/v1/chat/completions?api-version=1", "m", ""),
    ("openai", HOST, "m", f"served at {HOST}/v1/chat/completions"),
    ("openai", f"{HOST}/", "m", f"served at {HOST}/v1/chat/completions"),
    ("openai", f"{HOST}/v1/", "m", f"served at {HOST}/v1/chat/completions"),
    ("openai", f"{HOST}/api/paas/v4", "m", f"served at {HOST}/api/paas/v4/chat/completions"),
    ("openai", f"{HOST}/v1/chat", "m", f"served at {HOST}/v1/chat/completions"),
    ("openai", f"{HOST}/our/own/path", "m", ""),
    ("anthropic", f"{HOST}/v1/messages", "m", ""),
    ("anthropic", HOST, "m", f"served at {HOST}/v1/messages"),
    ("anthropic", f"{HOST}/v1", "m", f"served at {HOST}/v1/messages"),
    ("anthropic", f"{HOST}/gateway/claude", "m", ""),
    ("gemini", f"{HOST}/v1beta/models/flash:generateContent", "flash", ""),
    ("gemini", f"{HOST}/v1beta/models/flash:generateContent", "models/flash", ""),
    ("gemini", f"{HOST}/v1beta/models/flash:generateContent", "pro", "calls the model flash, the model identifier says pro"),
    ("gemini", f"{HOST}/v1beta/models/a%20b:generateContent", "a b", ""),
    ("gemini", HOST, "flash", f"{HOST}/v1beta/models/flash:generateContent"),
    ("gemini", f"{HOST}/v1beta", "flash", f"{HOST}/v1beta/models/flash:generateContent"),
    ("gemini", f"{HOST}/v1beta/models", "", f"{HOST}/v1beta/models/MODEL:generateContent"),
    ("gemini", f"{HOST}/v1beta/models/flash", "flash", f"{HOST}/v1beta/models/flash:generateContent"),
    ("gemini", f"{HOST}/v1beta/models/flash:streamGenerateContent?alt=sse", "flash", f"{HOST}/v1beta/models/flash:generateContent."),
    ("gemini", f"{HOST}/v1beta/models/{{which}}:generateContent", "flash", ""),
    ("gemini", f"{HOST}/v1/projects/p/locations/eu/publishers/google/models/flash:generateContent", "flash", ""),
]


@pytest.mark.parametrize(("structure", "url", "model", "words"), CASES, ids=lambda value: value or "nothing")
def test_notice(structure: str, url: str, model: str, words: str) -> None:
    notice = STRUCTURES[structure].notice(url, model)
    assert (words in notice) if words else notice == ""


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=lambda structure: structure.key)
def test_the_example_is_in_order(structure: object) -> None:
    assert STRUCTURES[structure.key].notice(structure.example_url, structure.model_example) == ""  # type: ignore[attr-defined]
