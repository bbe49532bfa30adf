"""JSON answers are read strictly and within bounds (spec 07 C3)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.errors import ErrorKind, ProviderError, Stage
from apps.providers.jsonread import parse_json, storable
from apps.providers.types import JsonValue


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, true, null, "\xc3\xa9"]}', {"a": [1, 2.5, True, None, "é"]}),
        (b"\xef\xbb\xbf[1]", [1]),
        (b" \r\n\t5 ", 5),
        (b'"x"', "x"),
        (b"null", None),
        pytest.param(b"9" * 4300, int("9" * 4300), id="4300 digits"),
        pytest.param(b"[" * 200 + b"]" * 200, json.loads("[" * 200 + "]" * 200), id="200 deep"),
    ],
)
def test_what_is_read(body: bytes, value: JsonValue) -> None:
    assert parse_json(body) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"hello", "line 1, column 1"),
        (b'{"a":\n  oops}', "line 2, column 3"),
        (b'{"a": 1', "line 1"),
        (b"[1] [2]", "extra data"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "larger than a double"),
        pytest.param(b"1" * 4301, "4,300 digits", id="4301 digits"),
        pytest.param(b"0." + b"1" * 4301, "4,300 digits", id="4301 decimals"),
        (b'"\xff"', "not UTF-8 text: byte 2"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"\xff\xfe[\x001\x00]\x00", "not UTF-8"),
        pytest.param(b"[" * 201 + b"]" * 201, "200 levels", id="201 deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "200 levels", id="100,000 deep"),
        pytest.param(b"[" * 1_000_000, "levels|line 1", id="a million brackets"),
    ],
)
def test_what_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(ProviderError, match=reason) as caught:
        parse_json(body)
    assert caught.value.kind is ErrorKind.NOT_JSON
    assert caught.value.stage is Stage.PARSE


@pytest.mark.parametrize(
    ("body", "hint"),
    [(b"<!doctype html><title>Hi</title>", "web page"), (b'data: {"a": 1}\n\n', "streaming"), (b"Bad gateway", "as text")],
)
def test_a_refusal_says_what_the_server_seems_to_have_sent(body: bytes, hint: str) -> None:
    with pytest.raises(ProviderError) as caught:
        parse_json(body)
    assert hint in caught.value.hint


def test_nul_and_lone_surrogates_are_replaced_before_storing() -> None:
    document = parse_json(b'{"a\\u0000": ["x\\u0000y", "\\ud800", "\\ud83d\\ude00"], "n": 1}')
    assert storable(document) == {"a\ufffd": ["x\ufffdy", "\ufffd", "😀"], "n": 1}
    assert storable("a\x00b\udfff") == "a\ufffdb\ufffd"


@given(st.binary(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_with_a_sentence(body: bytes) -> None:
    assert reads_or_refuses(body)


def reads_or_refuses(body: bytes) -> bool:
    try:
        json.dumps(storable(parse_json(body))).encode()
    except ProviderError as refusal:
        return refusal.kind is ErrorKind.NOT_JSON and refusal.message.endswith(".")
    return True
