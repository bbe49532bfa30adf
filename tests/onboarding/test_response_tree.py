"""Spec 02, *JSON paths*: click a value, see what a path picks. Spec 07 C6: text of models is text."""

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apps.onboarding.tree import MAX_SHOWN, PickTree
from apps.providers.jsonpath import compile_path
from tests.onboarding.conftest import allow_loopback, triage
from tests.support.provider import RunningProvider
from tests.support.servers import answering, json_answer
from tests.support.sheet import Sheet
from tests.support.threaded import serving

ODD: dict[str, Any] = {
    "plain": 1,
    "with space": {"dot.ted": "a"},
    "it's": {'say "hi"': "b"},
    "back\\slash": "c",
    "größe": {"日本": "d", "😀": "e"},
    "0": "f",
    "-1": "g",
    "": "h",
    "*": "i",
    "..": "j",
    "[0]": "k",
    "$": "l",
    "@": "m",
    "tab\tand\nline": "n",
    "\u202ereversed": "o",
    "a'b\"c": "p",
    "list": [[1, 2], [{"x": True}, None]],
    "empty": [{}, []],
    "<b>": "<script>alert(1)</script>",
    "&amp;": "&lt;",
}


@contextmanager
def answering_with(body: bytes) -> Iterator[str]:
    with serving(answering(json_answer(body))) as server:
        allow_loopback(server.port)
        yield f"http://127.0.0.1:{server.port}/"


def shown_with(sheet: Sheet, document: object) -> Sheet:
    with answering_with(json.dumps(document, ensure_ascii=False).encode()) as url:
        sheet.fill(name="Odd", url=url, body='{"ask": "{{prompt}}"}').test(prompt="Hello")
    assert sheet.failure == "", sheet.text
    return sheet


def offered(page: str) -> list[str]:
    """The paths that the tree's buttons post."""
    return [html.unescape(path) for path in re.findall(r'name="pick" value="([^"]*)"', page)]


def leaves(value: Any) -> list[Any]:
    """Every value that has a button, in order."""
    if not isinstance(value, (dict, list)) or not value:
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [leaf for item in inner for leaf in leaves(item)]


@pytest.mark.parametrize("scripts", [False], ids=["plain"])
def test_every_value_has_a_path_that_reads_it_back(either: Sheet, db: None) -> None:
    """The path of a click finds exactly the value that was clicked, whatever its key is called."""
    shown_with(either, ODD)
    found = [[match.value for match in compile_path(path).find(ODD)] for path in offered(either.html)]
    assert found == [[leaf] for leaf in leaves(ODD)]


def test_a_click_comes_back_as_it_was_sent(sheet: Sheet, db: None) -> None:
    """The path survives the button, the post, the field, and the next post; its value is marked and shown."""
    shown_with(sheet, ODD)
    paths = offered(sheet.html)
    assert len(paths) == len(leaves(ODD))
    for path in paths:
        sheet.press("pick", armed="a", pick=path)
        assert sheet.html.count("is-patched-a") == 1, path
        sheet.press("pick", armed="b", pick="plain")
        assert sheet.fields["output_path"] == path
        (value,) = [match.value for match in compile_path(path).find(ODD)]
        if isinstance(value, str) and value.isalnum():
            assert sheet.region("pv-a").startswith(value)


def test_a_click_fills_the_armed_slot_and_arms_the_next_empty_one(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).test(prompt="Hail")
    assert either.fields["armed"] == "a"
    either.press("pick", pick="outcome.verdicts[1].body")
    left = [slot for slot, name in [("b", "input_tokens_path"), ("c", "output_tokens_path")] if not either.fields[name]]
    assert either.fields["armed"] == (left[0] if left else "a")
    either.press("pick", armed="c", pick="meter.out")
    assert either.fields["output_tokens_path"] == "meter.out"


def test_markup_and_control_characters_are_shown_as_text(either: Sheet, db: None) -> None:
    """C6: escaped; control and direction characters visible."""
    shown_with(either, {"<b>bold</b>": "<script>alert(1)</script>", "x": "a\u202eb\u0007c", "\u202ekey": 1, 'q" onclick="x': 2})
    page = either.html
    assert "<script>alert(1)</script>" not in page
    assert "<b>bold</b>" not in page
    assert 'onclick="x"' not in page
    assert "\u202e" not in re.sub(r'(?:value|data-path)="[^"]*"', "", page)
    assert "&lt;U+202E&gt;" in page


def test_a_big_document_is_cut(either: Sheet, db: None) -> None:
    """2,000 values in the tree, 400 characters of one value; the rest is in the text."""
    shown_with(either, {"long": "x" * 5000, "many": list(range(5000))})
    assert len(offered(either.html)) <= 2000
    assert "More values: see Raw" in either.text
    assert "x" * 500 not in str(PickTree(longest=MAX_SHOWN, pick_url="/pick").render({"long": "x" * 5000}))
    assert len(either.html) < 2_000_000


def test_a_very_long_answer_is_kept_in_part_and_says_so(either: Sheet, db: None) -> None:
    shown_with(either, {"long": "x" * 300_000, "end": 1})
    assert "Cut after 256 KiB." in either.text
    assert 'id="v-pretty"' not in either.html
    assert either.state == "current"


def test_proposals_fill_empty_fields_only(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02: after each test, for empty fields, where the shape is recognized."""
    chat = {"choices": [{"message": {"content": "Hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}
    either.fill(input_tokens_path="usage.completion_tokens")
    shown_with(either, chat)
    fields = ["output_path", "input_tokens_path", "output_tokens_path"]
    assert [either.fields[name] for name in fields] == ["choices[0].message.content", "usage.completion_tokens", "usage.completion_tokens"]
    assert either.html.count("is-patched-") == 2


# Previews


PREVIEWS: list[tuple[str, str, str]] = [
    ("a", "outcome.verdicts[1].kind", "assessment"),
    ("a", "$.outcome.verdicts[*].kind", "noteassessment"),
    ("a", "outcome.verdicts[?@.kind=='note'].kind", "note"),
    ("a", "$['outcome']['status']", "done"),
    ("a", "meter", '"in"'),
    ("a", "outcome.status.deeper", "outcome, meter, echo, ref"),
    ("b", "ref", "No whole number there"),
    ("b", "nothing.there", "No whole number there"),
    ("c", "outcome.verdicts.0.x", "outcome.verdicts[0].x"),
    ("a", "outcome[", ""),
    ("a", "length(@)", ""),
    ("a", "", "Required"),
    ("b", "", "Optional"),
]


def test_each_field_shows_what_it_picks_or_where_it_breaks(sheet: Sheet, allowed: RunningProvider) -> None:
    triage(sheet, allowed).test(prompt="Hail")
    sheet.scripts = True
    for slot, path, words in PREVIEWS:
        sheet.fields[{"a": "output_path", "b": "input_tokens_path", "c": "output_tokens_path"}[slot]] = path
        sheet.press("preview", query=f"?slot={slot}")
        assert (sheet.status, words if words in sheet.text else sheet.text) == (200, words), path
        assert sheet.text, path
        assert "<form" not in sheet.html


def test_a_preview_of_another_slot_is_the_page(either: Sheet, allowed: RunningProvider) -> None:
    either.press("preview", query="?slot=z")
    assert either.status == 200


def test_tokens_as_text_count(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02: an integer, or a string of digits."""
    triage(either, allowed).fill(input_tokens_path="meter.in").test(prompt="Hail")
    assert re.search(r'<output for="id_input_tokens_path">\d+</output>', either.html)
