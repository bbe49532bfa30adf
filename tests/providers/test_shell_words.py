"""Bash's quoting, read without bash: every accepted text gives bash's words, everything that would run something is refused (spec 02)."""

import shlex
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.providers.imported import ImportRefused
from apps.providers.shell_words import split_command


def words(text: str) -> list[str]:
    return [word.text for word in split_command(text).words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl a b", ["curl", "a", "b"]),
        ("  curl\ta  ", ["curl", "a"]),
        ("curl 'a b' \"c d\" e\\ f", ["curl", "a b", "c d", "e f"]),
        ("curl a'b'\"c\"d", ["curl", "abcd"]),
        ("curl '' \"\"", ["curl", "", ""]),
        ("curl 'it'\\''s'", ["curl", "it's"]),
        ("curl 'it'\"'\"'s'", ["curl", "it's"]),
        ('curl "a\\"b\\\\c\\d"', ["curl", 'a"b\\c\\d']),
        ('curl "a$"', ["curl", "a$"]),
        ("curl '$HOME `id` $(id)'", ["curl", "$HOME `id` $(id)"]),
        ("curl $'a\\nb\\t\\x41\\u00e9\\U0001F600\\101\\'\\\"'", ["curl", "a\nb\tAé😀A'\""]),
        ("curl $'\\xc3\\xa9' $'\\q\\?'", ["curl", "é", "\\q?"]),
        ("curl a \\\n  b", ["curl", "a", "b"]),
        ("curl a \\\r\n  b\r\n", ["curl", "a", "b"]),
        ("curl ab\\\ncd", ["curl", "abcd"]),
        ('curl "ab\\\ncd"', ["curl", "abcd"]),
        ("curl 'ab\\\ncd'", ["curl", "ab\\\ncd"]),
        ("curl a \\", ["curl", "a"]),
        ("\n# how to call it\ncurl a # done\n\n# and that is all\n", ["curl", "a"]),
        ("curl a#b", ["curl", "a#b"]),
        ("curl {a} {}", ["curl", "{a}", "{}"]),
        ("curl https://h/p?x=1", ["curl", "https://h/p?x=1"]),
        ("curl http://[::1]:80/", ["curl", "http://[::1]:80/"]),
        ("$ curl a", ["curl", "a"]),
        ("$ curl a \\\n> -H b \\\n> -d '{\n> }'", ["curl", "a", "-H", "b", "-d", "{\n}"]),
        ("% curl a", ["curl", "a"]),
        ("curl $A ${B} \"x $C y\" '$D'", ["curl", "\0A\0", "\0B\0", "x \0C\0 y", "$D"]),
        ("curl ${api-key} <YOUR_KEY>", ["curl", "\0api-key\0", "\0YOUR_KEY\0"]),
        ("curl a!b !", ["curl", "a!b", "!"]),
    ],
)
def test_what_bash_reads(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("curl $(id)", 1, 6, "never done"),
        ('curl "a $(id)"', 1, 9, "never done"),
        ("curl `id`", 1, 6, "never done"),
        ('curl "`id`"', 1, 7, "never done"),
        ("curl $((1+1))", 1, 6, "never done"),
        ("curl $[1+1]", 1, 6, "calculates"),
        ("curl a | jq .", 1, 8, "pipe"),
        ("curl a; rm b", 1, 7, "second command"),
        ("curl a && rm b", 1, 8, "second command"),
        ("curl http://h/?a=1&b=2", 1, 19, "double quotes"),
        ("curl a > b", 1, 8, "redirected"),
        ("curl a 2>/dev/null", 1, 9, "redirected"),
        ("curl a < b", 1, 8, "read from a file"),
        ("curl a <(id)", 1, 8, "read from a file"),
        ("curl a <<< b", 1, 8, "here-document"),
        ("(curl a)", 1, 1, "subshell"),
        ("curl *.json", 1, 6, "pattern"),
        ("curl a[1-3]", 1, 7, "pattern"),
        ("curl a?", 1, 7, "pattern"),
        ("curl ~/x", 1, 6, "home directory"),
        ("curl {a,b}", 1, 8, "braces"),
        ("curl {{a},b}", 1, 10, "braces"),
        ("curl {1..3}", 1, 7, "braces"),
        ('curl -d {"a":1,"b":2}', 1, 15, "braces"),
        ("curl ${A:-b}", 1, 6, "${NAME}"),
        ("curl ${!A}", 1, 6, "${NAME}"),
        ("curl $1", 1, 6, "no value here"),
        ("curl $?", 1, 6, "no value here"),
        ('curl $"a"', 1, 6, "translates"),
        ("curl 'a", 1, 6, "never closed"),
        ('curl "a', 1, 6, "never closed"),
        ("curl $'a", 1, 6, "never closed"),
        ("curl $'\\0'", 1, 8, "NUL"),
        ("curl $'\\ud83d\\ude00'", 1, 8, "Unicode"),
        ("curl $'\\xff'", 1, 6, "UTF-8"),
        ("curl a\n-H b", 2, 1, "second command"),
        ("curl a\n# and\nrm -rf b", 3, 1, "second command"),
        ("curl a \\ \n -H b", 1, 8, "Remove the blank"),
        ("curl a ^\n -H b", 1, 8, "Windows"),
        ("curl “a”", 1, 6, "typographic"),
        ("curl !b", 1, 6, "history"),
        ("curl a\0b", 1, 7, "NUL"),
        ("curl <<EOF", 1, 11, "no text"),
        ("curl <<EOF\nabc", 2, 1, "never ends"),
        ("curl <<A <<B\na\nA\nb\nB", 1, 10, "here-document"),
        ("curl <<EOF\n$(id)\nEOF", 2, 1, "never done"),
    ],
)
def test_what_would_run_or_depend_on_the_machine_is_refused(text: str, line: int, column: int, said: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        split_command(text)
    assert said in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "heredoc"),
    [
        ('curl -d @- <<EOF\n{"a": 1}\nEOF\n', '{"a": 1}\n'),
        ("curl -d @- <<'EOF' -H b\n$A \\n `x`\nEOF", "$A \\n `x`\n"),
        ('curl -d @- << "EOF"\n$A\nEOF', "$A\n"),
        ('curl -d @- <<EOF\n$A \\$B \\\\ \\" "q" \'q\'\nEOF', '\0A\0 $B \\ \\" "q" \'q\'\n'),
        ("curl -d @- <<-EOF\n\t\ta\n\tEOF", "a\n"),
        ("curl -d @- <<EOF\nEOF", ""),
        ("curl -d @- <<EOF\r\na\r\nEOF\r\n", "a\n"),
    ],
)
def test_here_documents(text: str, heredoc: str) -> None:
    assert split_command(text).heredoc == heredoc


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_what_shlex_quotes_comes_back(arguments: list[str]) -> None:
    assert words(shlex.join(["curl", *arguments])) == ["curl", *arguments]


BASH = shutil.which("bash")
PIECES = st.sampled_from([*"'\"\\ab {},.#!=:?/-\n\t", "$'", "\\'", '\\"', "\\\n", "\\x41", "\\u00e9", "\\n", "é", "http://"])


@pytest.mark.skipif(BASH is None, reason="needs bash")
@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_bash_agrees_with_every_text_that_is_accepted(rest: str) -> None:
    """The reference: bash itself, in a restricted shell without programs, where curl is a function that prints its arguments."""
    text = "curl " + rest
    try:
        expected = words(text)
    except ImportRefused:
        return
    script = f"curl() {{ printf '%s\\0' curl \"$@\"; }}\n{text}\n"
    run = subprocess.run(
        [str(BASH), "--norc", "-r", "-c", script], capture_output=True, env={"PATH": "", "LC_ALL": "C.UTF-8"}, cwd="/proc/self", check=False
    )
    assert run.stdout.decode().split("\0")[:-1] == expected
