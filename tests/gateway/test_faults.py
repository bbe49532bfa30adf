"""Every fault of the demo provider behind the gateway: the right error inside the deadline, one trace each, and the next call works."""

from typing import Any

import httpx
import pytest

from apps.demo.provider.faults import gzip_bomb
from tests.gateway.test_sdks import user
from tests.support.gateway import EASY, Gateway

# What each fault is called when the answer is asked for whole and, where that differs, streamed. "" is a good answer.
FAULTS = {
    "hang": ("first_byte_timeout",),
    "hangup": ("disconnected",),
    "reset": ("disconnected",),
    "truncated": ("disconnected",),
    "stall": ("timeout",),
    "drip": ("timeout",),
    "huge": ("response_too_large",),
    "endless": ("response_too_large",),
    "gzip": ("",),
    "gzipbomb": ("response_too_large",),
    "badgzip": ("decode_failed",),
    "cutgzip": ("decode_failed",),
    "bigheaders": ("headers_too_large",),
    "redirect": ("redirect",),
    "leak": ("upstream_auth",),
    "garbage": ("protocol_error",),
    "empty": ("not_json", "disconnected"),
    "notjson": ("not_json", "not_the_format"),
    "html": ("not_json", "not_the_format"),
    "badutf8": ("not_json", "not_the_format"),
    "deep": ("not_json", "not_the_format"),
    "nan": ("not_json", "not_the_format"),
    "nul": ("not_the_format",),
}
# The model's limits, for the first byte and for all: short where one is what ends the call, else longer than any machine needs.
SECONDS = {"hang": (1, 60), "stall": (60, 1), "drip": (60, 1)}


@pytest.fixture(scope="module", autouse=True)
def models(running: Gateway) -> None:
    gzip_bomb(64)  # packing it takes a second
    running.easy("Good", EASY["openai"])
    for fault in FAULTS:
        running.structure(fault, "openai", path=f"/fault/{fault}", seconds=SECONDS.get(fault, (60, 60)))


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault(gateway: Gateway, fault: str, stream: bool, path: str) -> None:
    expected = FAULTS[fault][-1 if stream else 0]
    gateway.rested(fault)
    with httpx.Client(base_url=gateway.url, headers={"x-api-key": gateway.key}, trust_env=False, timeout=60) as client:
        answer = client.post(path, json=asking(fault, stream))
        (trace,) = gateway.wait_for_traces(1)
        same = {"disconnected", "not_the_format"} if fault == "empty" and stream else {expected}  # a stream of nothing is either
        assert trace.error_code in same
        assert trace.status == ("failed" if expected else "success")
        if expected and not (stream and answer.status_code == 200):
            assert answer.status_code == (504 if "timeout" in expected else 502)
        elif expected:
            assert b"error" in answer.content.rstrip().rpartition(b"\n")[2]
            assert b"[DONE]" not in answer.content
        assert EASY["openai"].keys.accepted not in answer.text
        assert client.post(path, json=asking("Good", stream)).status_code == 200
    assert len(gateway.wait_for_traces(2)) == 2


def asking(model: str, stream: bool) -> dict[str, Any]:
    return {"model": model, "max_tokens": 200, "messages": [user()], "stream": stream}
