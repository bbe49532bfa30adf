"""Spec 07 B9: request headers that people may set."""

import pytest

from apps.core.http import check_header_name, check_header_value

GOOD_NAMES = ["Authorization", "x-api-key", "X_Custom", "api.key", "!#$%&'*+-.^_`|~09", "Cookie"]
RESERVED = [
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Proxy-Authorization", "proxy-anything", "Upgrade", "TE", "Trailer",
    "Expect", "Keep-Alive", "Content-Encoding", "hOsT",
]  # fmt: skip
BAD_NAMES = ["", "X Key", "X:Key", "X-Key\r\n", "X-Kéy", "X\tKey", "(x)", "X-Key\x00", "X" * 257, "X\nHost"]
GOOD_VALUES = ["", "Bearer sk-123", "a b", "~!@#", "x" * 8192]
BAD_VALUES = ["a\r\nHost: evil", "a\nb", "a\x00", "tab\there", "é", "x" * 8193, " key-1", "key-1 ", "\x7f", "🙂"]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_tokens_are_names(name: str) -> None:
    """B9."""
    check_header_name(name)


@pytest.mark.parametrize("name", RESERVED + BAD_NAMES)
def test_reserved_and_malformed_names_are_refused(name: str) -> None:
    """B9."""
    with pytest.raises(ValueError, match=r"header"):
        check_header_name(name)


@pytest.mark.parametrize("value", GOOD_VALUES)
def test_printable_ascii_is_a_value(value: str) -> None:
    """B9."""
    check_header_value(value)


@pytest.mark.parametrize("value", BAD_VALUES)
def test_other_values_are_refused_without_repeating_them(value: str) -> None:
    """B9, A9: a value may be a secret."""
    with pytest.raises(ValueError, match=r"header value") as refusal:
        check_header_value(value)
    assert value.strip() not in str(refusal.value)
