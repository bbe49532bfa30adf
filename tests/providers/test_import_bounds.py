"""What strangers paste is read with bounded work (07 C3): long texts without meaning are answered at once, or refused with words.

No test here measures time. Before the bounds were there, each of these ran for minutes.
"""

import pytest

from apps.providers.placeholders import is_no_credential


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
