"""What strangers paste is read with bounded work (07 C3): long texts without meaning are answered at once, or refused with words.

No test here measures time. Before the bounds were there, each of these ran for minutes.
"""

import json

import pytest

from apps.external_models.definition import looks_secret
from apps.providers.curl import import_curl
from apps.providers.imported import MAX_HEADERS, MAX_PLACEHOLDERS, ImportRefused
from apps.providers.imported_body import read_body
from apps.providers.masking import mask_likely
from apps.providers.placeholders import Marks, is_no_credential
from apps.providers.shell_words import MAX_COMMAND, split_command

URL = "https://models.example.com/v1/chat"


@pytest.mark.parametrize("text", ["x" * 60 + "!", "x-" * 99 + "!", "KEY_" * 49 + "!", "A_" * 99 + "!", "x" * 60_000, "KEY_" * 15_000])
def test_a_stand_in_is_recognized_in_bounded_work(text: str) -> None:
    """What is longer than 200 characters was made by a machine."""
    assert not is_no_credential(text)


@pytest.mark.parametrize(
    ("text", "stands_in"),
    [
        ("xxxx-xxxx-xxxx", True),
        ("sk-XXXXXXXX", True),
        ("xxxxxxxx_xxxxabc", True),
        ("OPENAI_API_KEY", True),
        ("TOKEN", True),
        ("MY_2ND_KEY", False),
        ("KEY_2", True),
        ("KEY_", False),
        ("_KEY", False),
        ("AKIAKEY", False),
    ],
)
def test_what_stands_in_for_a_key(text: str, stands_in: bool) -> None:
    assert is_no_credential(text) is stands_in


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (f"curl {URL} -d '{{}}'" + " " * MAX_COMMAND, "longer than 65,536 characters."),
        (f"curl {URL} -d 'data:image/png;base64,{'A' * MAX_COMMAND}'", "If it holds an image"),
        (f"curl {URL} " + " ".join(f"-H x{number}:y" for number in range(MAX_HEADERS + 1)), "more than 200 headers"),
        (f"curl {URL} " + " ".join(f"-H x:$x{number}" for number in range(MAX_PLACEHOLDERS + 1)), "one placeholder more than 100"),
        (f"curl '{URL}/" + "".join(f"{{n{number}}}" for number in range(MAX_PLACEHOLDERS + 1)) + "'", "more than 100 placeholders"),
        (f"curl {URL} -d @- <<EOF\n[" + ",".join(f'"$a{number}"' for number in range(2000)) + "]\nEOF", "one placeholder more than 100"),
    ],
    ids=["too long", "an image", "headers", "variables", "in the address", "in a here-document"],
)
def test_a_command_beyond_the_bounds_is_refused_with_words(command: str, said: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        import_curl(command, looks_secret=looks_secret)
    assert said in str(caught.value)


def test_as_many_headers_and_placeholders_as_there_may_be() -> None:
    headers = " ".join(f'-H "x{number}: $x{number}"' for number in range(MAX_PLACEHOLDERS))
    more = " ".join(f"-H y{number}:z" for number in range(MAX_HEADERS - MAX_PLACEHOLDERS))
    request = import_curl(f"curl {URL} {headers} {more}", looks_secret=looks_secret)
    assert len(request.headers) == MAX_HEADERS
    assert len(request.questions) == MAX_PLACEHOLDERS


def test_answers_cannot_blow_a_command_up() -> None:
    with pytest.raises(ImportRefused, match="longer than 1 MiB"):
        import_curl(f"curl {URL} -d '[\"'" + "$A" * 200 + "'\"]'", looks_secret=looks_secret, answers={"A": "x" * 10_000})


@pytest.mark.parametrize("char", ["é", "?", ",", "{", "~", "''~"])
def test_a_word_is_not_put_together_again_for_each_of_its_characters(char: str) -> None:
    """One word of 60,000 characters that are no plain ones, each a piece of its own."""
    (word,) = split_command("http://h" + char * (60_000 // len(char))).words
    assert word.text == "http://h" + char.replace("''", "") * (60_000 // len(char))


@pytest.mark.parametrize("text", ["placeholder-0-", "placeholder-0-0-", "placeholder-1-0-placeholder-0-"])
def test_a_text_that_looks_like_a_placeholder_of_the_reader_stays(text: str) -> None:
    body = read_body(f'["{text}\0A\0{text}", "{text}"]', URL, Marks({"A": "1"}, {"A": "$A"}))
    assert json.loads(body.template) == [f"{text}1{text}", text]


@pytest.mark.parametrize("text", ["a", "-", "key", "a-", "key=", "cookie:", "bearer ", "://a:", '-u "', "sk-", "1a", "<a", "{{", "your-"])
def test_a_refused_command_is_masked_in_bounded_work(text: str) -> None:
    """60,000 characters of the same: no pattern looks at a run more than once."""
    assert len(mask_likely(text * (60_000 // len(text)))) > 0
