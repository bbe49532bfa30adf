"""What strangers paste is read with bounded work (07 C3): long texts without meaning are answered at once, or refused with words.

No test here measures time. Before the bounds were there, each of these ran for minutes.
"""

import json

import pytest

from apps.external_models.definition import looks_secret
from apps.providers.body_template import read_json
from apps.providers.curl import import_curl
from apps.providers.http_errors import provider_message
from apps.providers.imported import MAX_HEADERS, MAX_PLACEHOLDERS, NO_PATHS, ImportRefused
from apps.providers.imported_body import read_body
from apps.providers.known_calls import reading_paths
from apps.providers.masking import mask_likely
from apps.providers.openapi_example import Examples
from apps.providers.openapi_refs import MAX_ALL_STEPS, References
from apps.providers.placeholders import Marks, is_no_credential
from apps.providers.proposals import Proposals, propose_paths
from apps.providers.shell_words import MAX_COMMAND, split_command
from apps.providers.types import JsonValue

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


class Counting(dict[str, JsonValue]):
    """An object that counts how often something in it is looked up."""

    looked_up = 0

    def __getitem__(self, key: str) -> JsonValue:
        self.looked_up += 1
        return super().__getitem__(key)


def test_a_reference_is_followed_once() -> None:
    """A chain of references at the end of a long path, followed from a thousand places."""
    chain = {f"r{number}": {"$ref": f"#/x/r{number + 1}"} for number in range(49)}
    document = Counting({"x": chain | {"r49": {"found": True}}})
    references = References(document)
    for _ in range(1_000):
        assert references.follow({"$ref": "#/x/r0"}) == {"found": True}
        assert references.follow({"$ref": "#/x/r30"}) == {"found": True}
    assert document.looked_up == 50


def test_references_that_are_too_long_together_are_refused() -> None:
    document: dict[str, JsonValue] = {"a": {"b": {}}}
    with pytest.raises(ImportRefused, match="points nowhere"):
        References(document).follow({"$ref": "#" + "/a" * 10})
    with pytest.raises(ImportRefused, match="too many and too long"):
        References(document).follow({"$ref": "#" + "/a" * (MAX_ALL_STEPS + 1)})


def test_of_a_long_enum_only_its_beginning_is_looked_at() -> None:
    def chosen(roles: list[JsonValue]) -> JsonValue:
        schema: JsonValue = {"oneOf": [{"const": "other"}, {"type": "object", "properties": {"role": {"enum": roles}}}]}
        return Examples(References({}), every=False).of_schema(schema, "", 0)

    assert chosen(["x", "user"]) == {}
    assert chosen(["x"] * 1_000 + ["user"]) == "other"


def test_paths_are_proposed_from_the_beginning_of_long_lists() -> None:
    one: JsonValue = [{"a": "x", "text": "y"}]
    assert propose_paths(one * 20 + [{"answer": "z"}]) == Proposals()  # type: ignore[operator]
    assert propose_paths([{"generated_text": "z"}] + [{"a": "x"}] * 100_000).output == "[0].generated_text"
    assert propose_paths({"K" * 1_000_000: {f"a{number}": number for number in range(5_000)}}) == Proposals()


def test_a_nul_that_is_an_escape_in_the_body_is_no_placeholder() -> None:
    request = import_curl(f"""curl {URL} -d '{{"a": "\\u0000b\\u0000", "\\u0000c": "$D"}}'""", looks_secret=looks_secret)
    assert json.loads(request.body) == {"a": "\0b\0", "\0c": "$D"}
    assert request.questions == ()


def test_a_body_that_is_no_json_is_mended_in_bounded_work() -> None:
    """Quotes that are never closed are stepped over once; what can be mended still is."""
    with pytest.raises(ValueError, match="expecting value"):
        read_json('\\"' * 30_000)
    with pytest.raises(ValueError, match="trailing comma"):
        read_json('{"a": [1,], "b')
    assert read_json('{"a": [1,], "b": "\\",]"}')[0] == {"a": [1], "b": '",]'}


@pytest.mark.parametrize("segment", ["meta.llama" * 6_000, "/model/" * 8_000])
def test_the_paths_of_a_long_address_are_known_in_bounded_work(segment: str) -> None:
    assert reading_paths(f"https://h.example/model/{segment}/x", {"prompt": ""}) == NO_PATHS
    assert reading_paths("https://h.example/model/us.meta.llama3-8b/invoke", {"prompt": ""}).output == "generation"


@pytest.mark.parametrize("page", ["<title>" * 9_000, "<h1" * 20_000])
def test_an_error_page_of_nothing_but_titles_is_read_in_bounded_work(page: str) -> None:
    assert provider_message(page.encode()) in {"", "<h1" * 166 + "<…"}
    assert provider_message(b"<html><title>Bad gateway</title>" + page.encode()) == "Bad gateway"
