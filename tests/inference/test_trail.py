"""The end of a call, which happens on the event loop: it costs what is kept of the call, not what was sent (spec 08)."""

import time

from apps.core.secrets import Secret, call_secrets
from apps.inference.trail import NO_USAGE, Caller, Trail
from apps.traces.capture import preload
from apps.traces.models import SourceType, TraceBody
from apps.traces.record import Api
from apps.traces.store import flush
from tests.support.cast import Cast

KEY = "sk-live-0123456789abcdef"


def test_a_large_call_ends_quickly_and_without_its_secrets(cast: Cast) -> None:
    preload(cast.harbor.pk)
    escaped = "".join(f"\\u00{ord(each):02x}" for each in KEY)
    with call_secrets():
        Secret(KEY).reveal()
        trail = Trail(Caller(cast.harbor.pk, SourceType.PLAYGROUND), api=Api.OPENAI)
        trail.input = f"{escaped} {KEY} " + "\\u0041" * (16 * 2**20 // 6)
        began = time.thread_time()
        trail.succeed(f"I was given {KEY}. " + "1 " * 2**22, NO_USAGE)
        assert time.thread_time() - began < 1.0  # it took 3 s, and hours for the digits
    flush()
    body = TraceBody.objects.get(pk=trail.id)
    assert body.input.startswith("••••")
    assert body.output.startswith("I was given ••••. 1 1")
    for text in (body.input, body.output):
        assert "0123" not in text
        assert text.endswith("… [the rest is not kept]")
        assert len(text) < 70_000
