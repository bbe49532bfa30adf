"""Names of models and connections: equal when people read them as equal, and within their columns on every database."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.external_models.models import ExternalModel
from apps.external_models.names import MAX_NAME, check_name, name_key

KEY_COLUMN = ExternalModel._meta.get_field("name_key").max_length or 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Claims triage", "CLAIMS TRIAGE"),
        ("Claims triage", " Claims \u00a0 triage "),
        ("GRÖSSE", "größe"),
        ("e\u0301clair", "Éclair"),  # composed or not
        ("\uff23\uff4c\uff41\uff49\uff4d\uff53", "claims"),  # full width
        ("Проверка", "ПРОВЕРКА"),
        ("ﬁle", "FILE"),
        ("ΣΑΣ", "σας"),  # final sigma
        ("\u1e9e", "ss"),
        ("\u0345", "\u03b9"),  # folding makes what normalizing must fold again
    ],
)
def test_read_as_equal(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(("one", "other"), [("Model 1", "Model 2"), ("résumé", "resume"), ("A-B", "AB"), ("a b", "ab")])
def test_read_as_different(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Enter a name"),
        (" \t\u3000", "Enter a name"),
        ("x" * (MAX_NAME + 1), "at most 120 characters; this is 121"),
        ("a\u200bb", "invisible"),
        ("a\u202eb", "invisible"),
        ("a\x00b", "control"),
        ("a\x07b", "control"),
        ("a\ud800b", "invisible"),
        ("a\ue000b", "invisible"),
        ("a\ufeffb", "invisible"),
        ("gpt@prod", "Leave out @"),
        ("gpt\uff20prod", "Leave out @"),
        ("gpt\ufe6bprod", "Leave out @"),
        ("\ufdfa" * MAX_NAME, "too long"),  # 18 characters each, when written out
        ("\u0378", "invisible"),  # unassigned
    ],
)
def test_refused(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_name(name)


@pytest.mark.parametrize("name", ["x" * MAX_NAME, "Größe  1", "模型", "😀 model", "a\nb", "ß" * MAX_NAME])
def test_accepted_with_blanks_folded(name: str) -> None:
    assert check_name(name) == " ".join(name.split())


@given(st.text(max_size=MAX_NAME + 5))
@settings(max_examples=300, deadline=None)
def test_every_accepted_name_fits_and_is_its_own_key(name: str) -> None:
    """Whatever is accepted is no longer than its columns, and its key is a fixed point: asking twice changes nothing."""
    try:
        accepted = check_name(name)
    except ValueError:
        return
    key = name_key(accepted)
    assert 0 < len(accepted) <= MAX_NAME
    assert 0 < len(key) <= KEY_COLUMN
    assert name_key(key) == key
    assert check_name(accepted) == accepted
