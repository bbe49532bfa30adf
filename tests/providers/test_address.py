"""Path parameters of the endpoint URL, encoded for their place (spec 02, General; spec 07 C2)."""

import pytest

from apps.providers.address import add_query, fill_url, url_parameters
from apps.providers.errors import ErrorKind, ProviderError

AZURE = "https://{deployment}.openai.azure.com/openai/deployments/{model}/chat?api-version={version}"


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://api.example.com/v1/chat?x=1#f", ()),
        (AZURE, ("deployment", "model", "version")),
        ("https://h/{a}/{b}/{a}", ("a", "b")),
        ("http://h:8080/{a}", ("a",)),
        ("https://h/x-{a.b-c}.json", ("a.b-c",)),
    ],
)
def test_parameters_of_a_url(url: str, names: tuple[str, ...]) -> None:
    assert url_parameters(url) == names


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://h/{{a}}", "single braces"),
        ("https://h/{a", "written {name}"),
        ("https://h/a}", "written {name}"),
        ("https://h/{}", "written {name}"),
        ("https://h/{a b}", "written {name}"),
        ("https://h/{9}", "written {name}"),
        ("https://h/{" + "x" * 65 + "}", "longer than 64"),
        ("{scheme}://h/", "whole URL"),
        ("/v1/{a}", "whole URL"),
        ("https://h/{a}#x", "without a"),
        ("https://h/#{a}", "without a"),
        ("https://h:{port}/", "port"),
        ("https://{user}@h/", "user name"),
        ("https://u:{password}@h/", "user name"),
        ("https://h/?{name}=1", "after"),
        ("https://h/?a=1&{name}", "after"),
    ],
)
def test_malformed_and_misplaced_parameters(url: str, reason: str) -> None:
    with pytest.raises(ProviderError, match=reason) as caught:
        url_parameters(url)
    assert caught.value.kind is ErrorKind.URL_INVALID


@pytest.mark.parametrize(
    ("url", "values", "filled"),
    [
        (AZURE, {"deployment": "my-co1", "model": "gpt 4/o", "version": "2025&x=1"}, None),
        ("https://h/v1/{a}/b", {"a": "x/../y"}, "https://h/v1/x%2F..%2Fy/b"),
        ("https://h/v1/{a}", {"a": "?q=1#f"}, "https://h/v1/%3Fq%3D1%23f"),
        ("https://h/v1/{a}", {"a": "\\é %2e"}, "https://h/v1/%5C%C3%A9%20%252e"),
        ("https://h/v1/{a}", {"a": "..."}, "https://h/v1/..."),
        ("https://h/v1/x{a}", {"a": ".."}, "https://h/v1/x.."),
        ("https://h/v1/{a}", {"a": "{b}", "b": "no"}, "https://h/v1/%7Bb%7D"),
        ("https://h?q={a}", {"a": "1&b=2+3"}, "https://h?q=1%26b%3D2%2B3"),
        ("https://h:8443/{a}", {"a": "x\r\nHost: y"}, "https://h:8443/x%0D%0AHost%3A%20y"),
        ("https://h/plain", {"unused": "x"}, "https://h/plain"),
    ],
)
def test_values_are_encoded_for_their_place(url: str, values: dict[str, str], filled: str | None) -> None:
    expected = filled or "https://my-co1.openai.azure.com/openai/deployments/gpt%204%2Fo/chat?api-version=2025%26x%3D1"
    assert fill_url(url, values) == expected


@pytest.mark.parametrize(
    ("url", "values", "reason"),
    [
        ("https://h/{a}", {}, "“a” has no value"),
        ("https://h/{a}", {"a": ""}, "“a” has no value"),
        ("https://h/?q={a}", {"a": ""}, "“a” has no value"),
        ("https://h/{a}", {"a": "."}, "path step"),
        ("https://h/{a}/x", {"a": ".."}, "path step"),
        ("https://h/{a}{b}", {"a": ".", "b": "."}, "path step"),
        ("https://h/.{a}", {"a": "."}, "path step"),
        ("https://h/%2e{a}", {"a": "."}, "path step"),
        ("https://h/{a}", {"a": "\ud800"}, "not valid Unicode"),
        ("https://{a}.example.com/", {"a": "x.evil"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "evil.com/"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "user@evil"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "evil:80"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "-x"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "x-"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "x_y"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "x\n"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "é"}, "part of a host name"),
        ("https://{a}.example.com/", {"a": "x" * 64}, "part of a host name"),
    ],
)
def test_values_that_would_leave_their_place_are_refused(url: str, values: dict[str, str], reason: str) -> None:
    with pytest.raises(ProviderError, match=reason) as caught:
        fill_url(url, values)
    assert caught.value.kind is ErrorKind.URL_INVALID


def test_query_parameters_are_added_encoded() -> None:
    assert add_query("https://h/p", [("a b", "1&2"), ("c", "é")]) == "https://h/p?a%20b=1%262&c=%C3%A9"
    assert add_query("https://h/p?x=1", [("c", "2")]) == "https://h/p?x=1&c=2"
    assert add_query("https://h/p", []) == "https://h/p"
