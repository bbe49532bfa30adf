"""What a workspace keeps of its calls is its own choice (spec 06): the page, and what is written anywhere after it."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.test import Client

from apps.audit.models import AuditEvent
from apps.audit.watch import announce
from apps.traces import capture
from apps.traces.capture import Policy, policy_for, preload
from apps.traces.journal import MAX_RECORD
from apps.traces.models import CapturePolicy, Trace, TraceBody
from apps.traces.record import TraceRecord
from apps.traces.store import encoded, flush, ingester, journal, record
from tests.conftest import ClientFor
from tests.support.cast import Cast
from tests.support.records import a_record

PAGE = "/w/harbor/settings/traces/"
SAID = {"input": '{"messages":[{"role":"user","content":"I am bob@x.example, POL-123456"}]}', "output": "Hello bob@x.example"}


SMALL = a_record(UUID(int=1))
OURS = ("status", "source_type", "api", "key_id")  # words of our own, never anybody's text


def choice(**changes: str) -> dict[str, str]:
    given = {"mode": "masked", "mask_emails": "on", "mask_cards": "on", "mask_keys": "on", "patterns": ""}
    return given | {"body_limit": "65536", "body_days": "30", "trace_days": ""} | changes


def choose(client: Client, **changes: str) -> Any:
    return client.post(PAGE, choice(**changes))


def kept(cast: Cast, **changes: Any) -> Trace:
    entry = a_record(cast.harbor.pk, **SAID | changes)
    record(entry)
    flush()
    return Trace.objects.select_related("body").get(pk=entry.id)


def written() -> bytes:
    """All that is in the journal."""
    return b"".join(path.read_bytes() for path in Path(settings.PATCHBAY_JOURNAL_DIR).iterdir() if path.stem == current())


def current() -> str:
    file = journal().current
    return file.name if file else ""


def test_by_default_patterns_are_masked_before_anything_is_written(cast: Cast) -> None:
    preload(cast.harbor.pk)
    record(a_record(cast.harbor.pk, **SAID, error_code="upstream_refused", provider_message="No bob@x.example here"))
    assert b"POL-123456" in written()
    assert b"bob@x" not in written()
    flush()
    trace = Trace.objects.select_related("body").get()
    assert trace.body.input == SAID["input"].replace("bob@x.example", "[e-mail]")
    assert (trace.body.output, trace.output_preview) == ("Hello [e-mail]", "Hello [e-mail]")
    assert trace.input_preview == "I am [e-mail], POL-123456"


def test_a_call_leaves_its_trace_however_a_key_stands_in_what_was_said(cast: Cast) -> None:
    preload(cast.harbor.pk)
    said = json.dumps({"messages": [{"role": "user", "content": "the key:\nabcdefghijklmnop1\nsk-abcdefghijklmnop1234"}]})
    record(a_record(cast.harbor.pk, input=said))
    assert flush() == 1
    assert json.loads(Trace.objects.select_related("body").get().body.input)["messages"][0]["content"] == "the key:\n[key]\n[key]"


@pytest.mark.parametrize("known", [True, False])
def test_each_choice_holds_also_where_it_is_not_known_yet(cast: Cast, client_for: ClientFor, known: bool) -> None:
    client = client_for(cast.adam)

    def after(**changes: str) -> Trace:
        assert choose(client, **changes).status_code == 302
        capture._known.pop(cast.harbor.pk, None)
        if known:
            preload(cast.harbor.pk)
        return kept(cast)

    trace = after(mode="metadata")
    assert (trace.body.input, trace.body.output, trace.input_preview, trace.output_preview) == ("", "", "", "")
    assert trace.input_tokens == 1000
    trace = after(patterns="POL-[0-9]{6}")
    # Before the choice is known no texts are written: it may be metadata only.
    assert trace.input_preview == ("I am [e-mail], [masked]" if known else "")
    trace = after(mask_emails="", body_limit="1000")
    assert ("bob@x.example" in trace.body.input) == known
    trace = after(mode="everything")
    assert trace.body.input == (SAID["input"] if known else "")


def test_nothing_of_a_first_call_is_written_where_the_choice_is_not_known(cast: Cast) -> None:
    CapturePolicy.objects.create(workspace=cast.harbor, mode="metadata")
    capture._known.pop(cast.harbor.pk, None)
    record(a_record(cast.harbor.pk, **SAID, model_id=None, model_name="bob@x.example", provider_message="Jane Roe is ill"))
    for said in (b"POL-123456", b"bob@x", b"Jane Roe"):
        assert said not in written()


FAILED: dict[str, Any] = {"status": "failed", "error_code": "upstream_refused", "provider_status": 400, "output": ""}
WORDS = "Invalid content: Patient Jane Roe, bob@x.example, 4111 1111 1111 1111"


@pytest.mark.parametrize("mode", ["masked", "metadata", "everything"])
def test_errors_keep_no_more_of_what_was_said_than_texts_do(cast: Cast, client_for: ClientFor, mode: str) -> None:
    choose(client_for(cast.adam), mode=mode, patterns="Jane Roe")
    capture.load({cast.harbor.pk})
    message = f"The provider did not accept the request (HTTP 400): {WORDS}"
    entry = a_record(cast.harbor.pk, **FAILED, error_message=message, error_hint="Ask bob@x.example.", provider_message=WORDS)
    record(entry)
    assert (b"bob@x.example" in written()) == (mode == "everything")
    flush()
    error = TraceBody.objects.get(pk=entry.id).error
    start = "The provider did not accept the request (HTTP 400)"
    masked = "Invalid content: Patient [masked], [e-mail], [card number]"
    assert error == {
        "masked": {"message": f"{start}: {masked}", "hint": "Ask [e-mail].", "provider_message": masked},
        "metadata": {"message": f"{start}.", "hint": "Ask [e-mail].", "provider_message": ""},
        "everything": {"message": message, "hint": "Ask bob@x.example.", "provider_message": WORDS},
    }[mode] | {"stage": "", "provider_status": 400}


def test_names_that_nobody_has_are_what_somebody_wrote(cast: Cast, client_for: ClientFor) -> None:
    asked = "bob@x.example 4111 1111 1111 1111 " + "x" * 300
    message = f"There is no model “{asked[:120]}”."
    choose(client_for(cast.adam), mode="metadata", mask_emails="")
    capture.load({cast.harbor.pk})
    trace = kept(cast, model_name=asked, **FAILED | {"error_message": message})
    assert trace.model_name.startswith("[e-mail] [card number] xxx")
    assert len(trace.model_name) < 200
    assert trace.body.error["message"] == "There is no model “…”."
    known = uuid4()
    assert kept(cast, model_name="bob@x.example", model_id=known).model_name == "bob@x.example"


@pytest.mark.parametrize("mode", ["masked", "metadata", "everything"])
def test_a_record_can_be_written_and_read_however_large_it_was(cast: Cast, client_for: ClientFor, mode: str) -> None:
    choose(client_for(cast.adam), mode=mode, body_limit="250000")
    capture.load({cast.harbor.pk})
    huge = "é" * (9 * 2**20)
    names = [name for name in TraceRecord.__struct_fields__ if isinstance(getattr(SMALL, name), str) and name not in OURS]
    entries = [a_record(cast.harbor.pk, **{name: huge}) for name in names]
    for entry in entries:
        assert len(encoded(entry)) < MAX_RECORD
        record(entry)
    record(small := a_record(cast.harbor.pk))
    assert ingester().run() == len(entries) + 1
    assert set(Trace.objects.values_list("pk", flat=True)) == {entry.id for entry in (*entries, small)}


def test_a_change_is_read_again_and_the_one_before_holds_until_then(cast: Cast) -> None:
    preload(cast.harbor.pk)
    CapturePolicy.objects.create(workspace=cast.harbor, mode="metadata")
    announce(str(cast.harbor.pk))
    before = policy_for(cast.harbor.pk)
    assert before is not None
    assert before.mode == "masked"
    capture.refresh()
    after = policy_for(cast.harbor.pk)
    assert after is not None
    assert after.mode == "metadata"


def test_what_is_longer_than_the_limit_is_cut_at_a_word_and_says_so(cast: Cast, client_for: ClientFor) -> None:
    choose(client_for(cast.adam), body_limit="1000")
    capture.load({cast.harbor.pk})
    trace = kept(cast, output="word " * 198 + "bob@x.example and more")
    assert trace.body.output.endswith("word [e-mail]… [the rest is not kept]")
    assert len(kept(cast, output="x" * 5000).body.output) < 1100


@pytest.mark.parametrize(
    "secret", ["4111 1111 1111 1111", "alice.example.person@harbormutual.example", "bob\\\\u0040x.example", f"sk-{'a1' * 40}"]
)
def test_no_cut_leaves_half_of_what_would_be_masked(secret: str) -> None:
    policy = Policy.of(CapturePolicy(body_limit=1000))
    for place in range(930, 1450):
        said = '{"said":"' + "x " * (place // 2) + " " * (place % 2) + secret + ' and then" '
        for tail in ("", "y " * 1000):
            kept = policy.text(said + tail)
            assert not re.search("4111|@|u0040|alice|bob|sk-", kept), (place, kept[-80:])


def test_the_page_shows_what_is_stored_and_its_change_is_audited(cast: Cast, client_for: ClientFor) -> None:
    client = client_for(cast.adam)
    assert b"Traces and privacy" in client.get(PAGE).content
    assert choose(client, mode="everything", patterns="POL-[0-9]{6}\n\n  A+  ", trace_days="400").status_code == 302
    policy = CapturePolicy.objects.get()
    assert (policy.mode, policy.patterns, policy.trace_days) == ("everything", ["POL-[0-9]{6}", "A+"], 400)
    event = AuditEvent.objects.get(event="workspace.settings_changed")
    assert event.changes == {
        "mode": {"before": "masked", "after": "everything"},
        "patterns": {"before": [], "after": ["POL-[0-9]{6}", "A+"]},
        "trace_days": {"before": None, "after": 400},
    }
    page = client.get(PAGE).content.decode()
    assert "POL-[0-9]{6}\nA+" in page
    assert 'value="400"' in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"patterns": "(oops"}, "no regular expression"),
        ({"patterns": "x*"}, "fits nothing at all"),
        ({"patterns": "\n".join("abc" * 1 + str(number) for number in range(21))}, "These are 21 patterns"),
        ({"patterns": "a" * 501}, "at most 500 characters"),
        ({"mode": "nothing"}, "Select a valid choice"),
        ({"body_limit": "10"}, "greater than or equal to 1000"),
        ({"body_days": "0"}, "greater than or equal to 1"),
        ({"body_days": "30", "trace_days": "7"}, "at least as long"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(cast: Cast, client_for: ClientFor, changes: dict[str, str], said: str) -> None:
    response = choose(client_for(cast.adam), **changes)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not CapturePolicy.objects.exists()


def test_a_text_can_be_tried_without_storing_anything(cast: Cast, client_for: ClientFor) -> None:
    response = choose(client_for(cast.adam), action="try", sample="Ask bob@x.example about POL-123456 <now>", patterns="POL-[0-9]+")
    assert "Ask [e-mail] about [masked] &lt;now&gt;" in response.content.decode()
    assert not CapturePolicy.objects.exists()
    assert not AuditEvent.objects.exists()
