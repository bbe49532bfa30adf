"""JSON paths as spec 02 has them, to hold beside the page and beside RFC 9535; spec 07 C4 and C5."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.errors import ErrorKind, ProviderError
from apps.providers.jsonpath import PathInvalid, compile_path, path_of, read_output, read_tokens, walk_leaves
from apps.providers.types import JsonValue

CHAT: JsonValue = {
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hello"}},
        {"index": 1, "message": {"role": "assistant", "content": " you"}},
    ],
    "usage": {"prompt_tokens": 17, "completion_tokens": 5},
}
BLOCKS: JsonValue = {"content": [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "A"}, {"type": "text", "text": "B"}]}
NUMBERS: JsonValue = [0, 1, 2, 3, 4, 5]
ODD: JsonValue = {"a b": 1, "a.b": 2, "": 3, "ключ": 4, "it's": 5, 'say "hi"': 6, "line\nbreak": 7, "😀": 8, "back\\slash": 9, "$": 10}


def found(path: str, document: JsonValue) -> list[JsonValue]:
    return [match.value for match in compile_path(path).find(document)]


@pytest.mark.parametrize(
    ("path", "document", "values"),
    [
        # The whole document
        ("$", 5, [5]),
        # Names: dotted, quoted, non-ASCII; with and without the leading `$.`
        ("$.usage.prompt_tokens", CHAT, [17]),
        ("usage.prompt_tokens", CHAT, [17]),
        ("$['usage']['prompt_tokens']", CHAT, [17]),
        ('usage["prompt_tokens"]', CHAT, [17]),
        ("['usage'].prompt_tokens", CHAT, [17]),
        ("$.ключ", ODD, [4]),
        ("ключ", ODD, [4]),
        ("$.😀", ODD, [8]),
        ("$['a b']", ODD, [1]),
        ("$['a.b']", ODD, [2]),
        ("$['']", ODD, [3]),
        (r"$['it\'s']", ODD, [5]),
        ("""$["it's"]""", ODD, [5]),
        ("""$['say "hi"']""", ODD, [6]),
        (r"$['line\nbreak']", ODD, [7]),
        (r"$['\ud83d\ude00']", ODD, [8]),
        (r"$['back\\slash']", ODD, [9]),
        ("$['$']", ODD, [10]),
        ("$.missing", ODD, []),
        ("usage.prompt_tokens.deeper", CHAT, []),
        # Indexes, also from the end
        ("choices[0].message.content", CHAT, ["Hello"]),
        ("choices[-1].message.content", CHAT, [" you"]),
        ("$[5]", NUMBERS, [5]),
        ("[5]", NUMBERS, [5]),
        ("$[6]", NUMBERS, []),
        ("$[-6]", NUMBERS, [0]),
        ("$[-7]", NUMBERS, []),
        ("$[0]", {"0": 1}, []),
        ("$[0]", "text", []),
        # Slices
        ("$[1:3]", NUMBERS, [1, 2]),
        ("$[:2]", NUMBERS, [0, 1]),
        ("$[4:]", NUMBERS, [4, 5]),
        ("$[-2:]", NUMBERS, [4, 5]),
        ("$[::2]", NUMBERS, [0, 2, 4]),
        ("$[::-1]", NUMBERS, [5, 4, 3, 2, 1, 0]),
        ("$[4:1:-2]", NUMBERS, [4, 2]),
        ("$[1:4:0]", NUMBERS, []),
        ("$[:]", NUMBERS, NUMBERS),
        ("$[1:3]", {"1": 1}, []),
        # Wildcards
        ("$.*", {"a": 1, "b": [2]}, [1, [2]]),
        ("$[*]", [1, 2], [1, 2]),
        ("choices[*].message.content", CHAT, ["Hello", " you"]),
        ("*", {"a": 1}, [1]),
        # Descendants: parents before children
        ("$..content", CHAT, ["Hello", " you"]),
        ("..prompt_tokens", CHAT, [17]),
        ("$..[0]", [[1, [2]], 3], [[1, [2]], 1, 2]),
        ("$..*", [[1]], [[1], 1]),
        ("$..message..content", CHAT, ["Hello", " you"]),
        # Unions
        ("$['a b', 'a.b']", ODD, [1, 2]),
        ("$[0, 2, 0]", NUMBERS, [0, 2, 0]),
        ("$[0, 4:]", NUMBERS, [0, 4, 5]),
        # Blanks where RFC 9535 has them
        ("$ .usage ['prompt_tokens']", CHAT, [17]),
        ("$[ 1 : 3 ]", NUMBERS, [1, 2]),
        # Filters: comparison
        ("content[?@.type=='text'].text", BLOCKS, ["A", "B"]),
        ("$.content[?(@.type == 'text')].text", BLOCKS, ["A", "B"]),
        ("$[?@ > 3]", NUMBERS, [4, 5]),
        ("$[?@ >= 3 && @ != 4]", NUMBERS, [3, 5]),
        ("$[?@ < 1 || @ == 5]", NUMBERS, [0, 5]),
        ("$[?!(@ < 5)]", NUMBERS, [5]),
        ("$[?@ < 1 || @ > 1 && @ < 3]", NUMBERS, [0, 2]),
        ("$[?@.a == @.b]", [{"a": 1, "b": 1}, {"a": 1, "b": 2}], [{"a": 1, "b": 1}]),
        ("$.list[?@ == $.wanted]", {"wanted": 2, "list": [1, 2, 3]}, [2]),
        ("$[?@[0] == 'x']", [["x"], ["y"]], [["x"]]),
        # Filters: existence
        ("content[?@.text].text", BLOCKS, ["A", "B"]),
        ("content[?!@.text].thinking", BLOCKS, ["Hm"]),
        ("$[?@.a]", [{"a": None}, {"a": False}, {}], [{"a": None}, {"a": False}]),
        ("$[?@.*]", [[], [1], {}, "x"], [[1]]),
        ("$[?@[?@ > 4]]", [[1, 5], [1]], [[1, 5]]),
        # Filters: types are strict, nothing equals nothing only
        ("$[?@ == 1]", [1, 1.0, True, "1", None], [1, 1.0]),
        ("$[?@ == true]", [1, True, "true"], [True]),
        ("$[?@ == null]", [None, False, 0, ""], [None]),
        ("$[?@.a == null]", [{"a": None}, {}], [{"a": None}]),
        ("$[?@.a == @.b]", [{}], [{}]),
        ("$[?@.a != 1]", [{"a": 2}, {}], [{"a": 2}, {}]),
        ("$[?@.a <= @.b]", [{}], [{}]),
        ("$[?@ < 'b']", ["a", "b", 1, None], ["a"]),
        ("$[?@ <= true]", [True, False], [True]),
        ("$[?@ == $[0]]", [{"a": [1]}, {"a": [1.0]}, {"a": [True]}], [{"a": [1]}, {"a": [1.0]}]),
        ("$.*[?@ == 2]", {"o": {"x": 2, "y": 3}}, [2]),
        ("$[?@ == -0]", [0], [0]),
        ("$[?@ == 1e2]", [100], [100]),
        # Allowance: a name that meets an array applies to its elements
        ("$.choices.message.content", CHAT, ["Hello", " you"]),
        ("choices.index", CHAT, [0, 1]),
        ("$.a.b", {"a": [[{"b": 1}], {"b": 2}, {"c": 3}, 4]}, [1, 2]),
        # ... but within a filter, where RFC 9535 compares single values, it does not
        ("$[?@.a.b == 1]", [{"a": [{"b": 1}]}], []),
    ],
)
def test_what_a_path_finds(path: str, document: JsonValue, values: list[JsonValue]) -> None:
    result = found(path, document)
    assert result == values
    assert [type(value) for value in result] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("path", "position", "reason", "suggestion"),
    [
        ("", 0, "Enter a path", ""),
        ("choices.0.message", 8, "brackets", "choices[0].message"),
        ("choices.0.parts.12", 8, "brackets", "choices[0].parts[12]"),
        ("$.0", 2, "brackets", "$[0]"),
        ("0.text", 0, "brackets", "[0].text"),
        ("a.b-c", 3, "quotes", "a['b-c']"),
        ("x-total", 1, "quotes", "['x-total']"),
        ("$.x-y.z", 3, "quotes", "$['x-y'].z"),
        ("$[name]", 2, "quotes", "$['name']"),
        ("$.[0]", 2, "dot", "$[0]"),
        ("$.a.", 4, "after a dot", "$.a"),
        (".a", 0, "not with a dot", "a"),
        ("@.a", 0, "whole response", "$.a"),
        (" a", 0, "blanks", "a"),
        ("a ", 1, "blanks", "a"),
        ("$. a", 2, "blank", ""),
        ("$..", 3, "after a dot", "$"),
        ("$a", 1, "expected", ""),
        ("$.'a'", 2, "brackets", ""),
        ("$[]", 2, "empty", "$[*]"),
        ("$[0", 3, "missing", ""),
        ("$[0 1]", 4, "expected", ""),
        ("$[01]", 2, "leading zeros", "$[1]"),
        ("$[-0]", 2, "sign", "$[0]"),
        ("$[9007199254740992]", 2, "too large", ""),
        ("$['a", 2, "never closed", ""),
        (r"$['\x']", 3, "not an escape", ""),
        (r"$['\ud800']", 3, "half of a character", ""),
        (r"""$["\'"]""", 3, "not an escape", ""),
        # Functions
        ("$.length()", 2, "Functions", ""),
        ("$[?length(@) > 1]", 3, "Functions", ""),
        ("$[?match(@.a, 'b')]", 3, "Functions", ""),
        # Arithmetic and what else other dialects have
        ("a + b", 2, "Arithmetic", ""),
        ("$.a * 2", 4, "Arithmetic", ""),
        ("$[?@.a + 1 == 2]", 7, "Arithmetic", ""),
        ("$[?@.a == 1 + 1]", 12, "Arithmetic", ""),
        ("$[(@.length-1)]", 2, "Script", ""),
        ("$[?@.a = 1]", 7, "==", "$[?@.a == 1]"),
        ("$[?@.a === 1]", 7, "==", "$[?@.a == 1]"),
        ("$[?@.a <> 1]", 7, "!=", "$[?@.a != 1]"),
        ("$[?@.a =~ 'x']", 7, "Regular expressions", ""),
        ("$[?type == 'text']", 3, "@", "$[?@.type == 'text']"),
        ("$[?@.a == True]", 10, "small letters", "$[?@.a == true]"),
        ("$[?@.a == None]", 10, "small letters", "$[?@.a == null]"),
        ("$[?'a']", 3, "alone", ""),
        ("$[?true]", 3, "alone", ""),
        ("$[?!@.a == 1]", 4, "as a whole", ""),
        ("$[?@.* == 1]", 3, "single value", ""),
        ("$[?@..a == 1]", 3, "single value", ""),
        ("$[?1 == @[0:1]]", 8, "single value", ""),
        ("$[?(@.a]", 7, "“)”", ""),
        ("$[?@.a ==", 9, "ends within a filter", ""),
        # Bounds
        ("$..a..b..c", 7, "at most 2", ""),
        ("$..a[?@..b..c]", 10, "at most 2", ""),
        ("$[?" + "(" * 30 + "@" + ")" * 30 + "]", 23, "nested too deep", ""),
        ("$." + "a" * 511, 512, "at most 512 characters", ""),
    ],
)
def test_what_is_refused_with_place_and_right_spelling(path: str, position: int, reason: str, suggestion: str) -> None:
    with pytest.raises(PathInvalid) as caught:
        compile_path(path)
    assert reason in caught.value.message
    assert (caught.value.position, caught.value.suggestion) == (position, suggestion)
    if suggestion:
        compile_path(suggestion)


def test_a_path_of_512_characters_is_read() -> None:
    compile_path("$." + "a" * 510)


@pytest.mark.parametrize(
    ("path", "multiple"),
    [
        ("a.b[0]['c'][-1]", False),
        ("$", False),
        ("a[*]", True),
        ("a.*", True),
        ("a[0:1]", True),
        ("a[?@.b]", True),
        ("..a", True),
        ("a[0,1]", True),
    ],
)
def test_which_paths_may_find_several(path: str, multiple: bool) -> None:
    assert compile_path(path).is_multiple is multiple


def test_a_match_says_where_it_was_found() -> None:
    assert [match.path for match in compile_path("$..content").find(CHAT)] == ["choices[0].message.content", "choices[1].message.content"]
    assert [match.path for match in compile_path("$[-1]").find(NUMBERS)] == ["[5]"]


# Output: the first match; with a wildcard or slice all matches joined; what is not text as JSON


@pytest.mark.parametrize(
    ("path", "document", "text"),
    [
        ("choices[0].message.content", CHAT, "Hello"),
        ("choices[*].message.content", CHAT, "Hello you"),
        ("choices[:1].message.content", CHAT, "Hello"),
        ("$.choices.message.content", CHAT, "Hello you"),
        ("content[?@.type=='text'].text", BLOCKS, "AB"),
        ("..text", BLOCKS, "AB"),
        ("usage", CHAT, '{"prompt_tokens":17,"completion_tokens":5}'),
        ("$[0]", [["é", None, True]], '["é",null,true]'),
        ("a", {"a": None}, "null"),
        ("a", {"a": 1.5}, "1.5"),
        ("a", {"a": ""}, ""),
    ],
)
def test_output(path: str, document: JsonValue, text: str) -> None:
    assert read_output(compile_path(path), document) == text


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"error": "x", "id": 1}, "top-level keys are error, id"),
        ({f"k{n}": n for n in range(30)}, "k19, …"),
        ({}, "an empty object"),
        ([1, 2], "an array of 2"),
        ("text", "a single value"),
    ],
)
def test_no_match_shows_the_top_level_keys(document: JsonValue, words: str) -> None:
    with pytest.raises(ProviderError) as caught:
        read_output(compile_path("choices[0].text"), document)
    assert caught.value.kind is ErrorKind.OUTPUT_PATH_NO_MATCH
    assert "choices[0].text" in caught.value.message
    assert words in caught.value.message


# Token counts: an integer, or a string of digits; several are added up; unknown is None, never 0


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0),
        (17, 17),
        ("17", 17),
        ("007", 7),
        (2**31 - 1, 2**31 - 1),
        (2**31, None),
        ("2147483648", None),
        (-1, None),
        (True, None),
        (False, None),
        (None, None),
        (1.0, None),
        ("1.0", None),
        ("", None),
        ("-1", None),
        (" 1", None),
        ("\uff11", None),
        ("²", None),
        ("9" * 5000, None),
        ([1], None),
        ({}, None),
    ],
)
def test_token_counts(value: JsonValue, count: int | None) -> None:
    """C4."""
    read = read_tokens(compile_path("n"), {"n": value})
    assert read == count
    assert type(read) is type(count)


@pytest.mark.parametrize(
    ("path", "document", "count"),
    [
        ("usage.*", CHAT, 22),
        ("parts.n", {"parts": [{"n": 1}, {"n": "2"}]}, 3),
        ("parts.n", {"parts": [{"n": 1}, {"n": None}]}, None),
        ("parts.n", {"parts": [{"n": 2**31 - 1}, {"n": 1}]}, None),
        ("missing", CHAT, None),
        (None, CHAT, None),
    ],
)
def test_token_counts_of_several_matches(path: str | None, document: JsonValue, count: int | None) -> None:
    assert read_tokens(compile_path(path) if path else None, document) == count


# Bounds


@pytest.mark.parametrize("path", ["$..*", "$..a..a", "$..*..*", "$[*][*][*]", "$[?@ == $]", "$[?$[?$[?@]]]", "a"])
def test_evaluation_is_bounded_in_time(path: str) -> None:
    """C5: a large document and a path that looks at everything end in an error, not in a long wait."""
    wide: JsonValue = [[list(range(10))] * 30 for _ in range(1000)]
    started = time.thread_time()
    with pytest.raises(ProviderError) as caught:
        read_output(compile_path(path), wide)
    assert caught.value.kind is ErrorKind.OUTPUT_PATH_NO_MATCH
    assert time.thread_time() - started < 10  # of the processor's own


def test_a_count_that_takes_too_long_to_find_is_unknown() -> None:
    wide: JsonValue = [list(range(1000)) for _ in range(500)]
    assert read_tokens(compile_path("$..*"), wide) is None


def test_a_deeply_nested_document_is_searched_without_recursion() -> None:
    deep: JsonValue = {"a": 1}
    for _ in range(150):
        deep = {"n": [deep]}
    assert found("$..a", deep) == [1]
    assert found("$[?@ == @]", deep) == found("$.*", deep)


# Paths of the response tree


def test_leaves_of_a_document_in_its_order() -> None:
    leaves = list(walk_leaves({"a": [1, {"b c": None}], "d": {}, "e": []}))
    assert [(leaf.path, leaf.value) for leaf in leaves] == [("a[0]", 1), ("a[1]['b c']", None), ("d", {}), ("e", [])]
    assert len(list(walk_leaves(list(range(100)), limit=10))) == 10
    assert len(list(walk_leaves(list(range(1_000_000))))) == 0  # too large to walk: no leaves rather than a long wait


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ((), "$"),
        (("choices", 0, "message", "content"), "choices[0].message.content"),
        ((0, "a"), "[0].a"),
        (("a b",), "['a b']"),
        (("x", "a-b", "c"), "x['a-b'].c"),
        (("it's",), r"['it\'s']"),
        (("a\\b",), r"['a\\b']"),
        (("\n\x00",), r"['\u000a\u0000']"),
        (("0",), "['0']"),
        (("",), "['']"),
        (("ключ",), "ключ"),
    ],
)
def test_path_of(steps: tuple[str | int, ...], path: str) -> None:
    assert path_of(steps) == path


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), keys),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=15,
)


@given(documents)
@settings(max_examples=200, deadline=None)
def test_path_of_reads_back_exactly_that_value(document: JsonValue) -> None:
    for leaf in walk_leaves(document):
        [match] = compile_path(leaf.path).find(document)
        assert match.value is leaf.value
        assert match.steps == leaf.steps


@given(st.text(alphabet="$.@[]()'\"*?!&|<>=01-:, ab\\é", max_size=25))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_path_or_is_refused_with_a_place(text: str) -> None:
    refusal = refusal_of(text)
    if refusal is None:
        compile_path(text).find({"a": [{"b": 1}], "b": 0})
    else:
        assert 0 <= refusal.position <= len(text)
        assert refusal.message.endswith(".")


def refusal_of(path: str) -> PathInvalid | None:
    try:
        compile_path(path)
    except PathInvalid as refusal:
        return refusal
    return None
