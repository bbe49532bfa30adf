"""Spec 02, *Test response*: every failure names its stage and what to try. Against real servers on loopback."""

import json
from pathlib import Path

from apps.audit.models import AuditEvent
from apps.external_models.models import ExternalModel
from apps.inference.models import TestRun
from tests.onboarding.conftest import allow_loopback, triage
from tests.support.certificates import self_signed_context
from tests.support.provider import DEMO_KEYS, RunningProvider
from tests.support.servers import Connection, answering, json_answer
from tests.support.sheet import Sheet
from tests.support.threaded import serving

# fault of the demo provider: code, and words that must be there
FAULTS: dict[str, tuple[str, str]] = {
    "401": ("upstream_auth", "key not known"),
    "403": ("upstream_auth", "key not known"),
    "404": ("upstream_refused", "the desk fell over"),
    "422": ("upstream_refused", "the desk fell over"),
    "429": ("upstream_rate_limited", "too many assessments"),
    "500": ("upstream_error", "the desk fell over"),
    "notjson": ("not_json", "JSON"),
    "html": ("not_json", "HTML"),
    "empty": ("not_json", "empty"),
    "badutf8": ("not_json", "UTF-8"),
    "nan": ("not_json", "NaN"),
    "deep": ("not_json", "deep"),
    "truncated": ("disconnected", "before"),
    "hangup": ("disconnected", ""),
    "garbage": ("protocol_error", ""),
    "huge": ("response_too_large", "32"),
    "gzipbomb": ("response_too_large", "32"),
    "badgzip": ("decode_failed", "gzip"),
    "bigheaders": ("headers_too_large", "64 KiB"),
    "redirect": ("redirect", "Redirects are not followed"),
}


def test_what_a_provider_can_do_wrong(sheet: Sheet, allowed: RunningProvider) -> None:
    """Each is told apart, in words of its own, counts as a test that did not pass, and is audited with its code."""
    triage(sheet, allowed)
    shown = {}
    for fault, (_, words) in FAULTS.items():
        triage(sheet, allowed, path=f"/fault/{fault}").test(prompt="Hail")
        shown[fault] = (sheet.failure, words if words.lower() in sheet.text.lower() else sheet.region("result")[:600])
        assert (sheet.status, sheet.state) == (200, "failed")
    assert shown == FAULTS
    events = AuditEvent.objects.filter(event="model.tested").order_by("id").values_list("outcome", "changes__error__after")
    assert list(events) == [("failed", code) for code, _ in FAULTS.values()]
    assert not TestRun.objects.filter(passed=True).exists()


def test_every_failure_has_a_stage_and_something_to_try(sheet: Sheet, allowed: RunningProvider) -> None:
    """Spec 02: names its stage and what to try, each in its own words."""
    triage(sheet, allowed)
    seen = {}
    for fault in ["401", "404", "429", "500", "notjson", "truncated", "hangup", "garbage", "badgzip", "huge", "redirect"]:
        triage(sheet, allowed, path=f"/fault/{fault}").test(prompt="Hail")
        result = TestRun.objects.get(pk=sheet.fields["test_run"]).result["failure"]
        seen[fault] = (result["stage"], result["message"], result["hint"])
    assert not [(fault, parts) for fault, parts in seen.items() if not all(parts)]
    assert len(set(seen.values())) == len(seen)


def test_the_status_and_the_body_of_an_error_are_shown(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed, key=DEMO_KEYS["triage"].rate_limited).test(prompt="Hail")
    assert "429 Too Many Requests" in either.text
    assert "too many assessments, come back in 2 s" in either.text
    assert '{"fault"' in either.text


def test_a_slow_first_byte_is_told_apart_from_a_slow_end(sheet: Sheet, allowed: RunningProvider) -> None:
    """Spec 04: the model's own time limits."""
    triage(sheet, allowed, path="/fault/hang").save("draft")
    model = ExternalModel.objects.get()
    for path, first_byte, total, code in [("hang", 1, 60, "first_byte_timeout"), ("drip", 60, 1, "timeout")]:
        ExternalModel.objects.update(first_byte_seconds=first_byte, total_seconds=total)
        edit = Sheet(sheet.client).open(model.pk)
        edit.fill(url=f"{allowed.url}/fault/{path}/triage/v3/assess").test(prompt="Hail")
        assert edit.failure == code
        assert "1 second" in edit.text


# Before any byte is sent


def plain(sheet: Sheet, url: str) -> Sheet:
    return sheet.fill(name="Plain", url=url, body='{"ask": "{{prompt}}"}')


BAD_ADDRESSES = [
    ("http://models.example.com/v1", "http"),
    ("https://10.0.0.7/v1", "not public"),
    ("https://169.254.169.254/latest/meta-data", ""),
    ("https://127.0.0.1:1/v1", ""),
    ("ftp://models.example.com/", "http"),
    ("https://user:pass@models.example.com/", ""),
    ("models.example.com/v1", ""),
    ("", "Enter the address"),
]


def test_an_address_that_may_not_be_called_is_refused_at_its_field(either: Sheet, db: None) -> None:
    """B4: Test refuses what Confirm refuses, with the same words, and nothing is sent."""
    for url, words in BAD_ADDRESSES:
        said = []
        for button, value in [("sample", {}), ("test", {"s-prompt": "Hello"}), ("save", {"action": "untested"})]:
            plain(either, url).press(button, **value)
            said.append((either.status, either.problem("url")))
        assert said[0][1], url
        assert words in said[0][1], url
        assert said == [(422, said[0][1])] * 3, url
    assert not TestRun.objects.exists()


def test_a_name_that_does_not_resolve(sheet: Sheet, db: None) -> None:
    plain(sheet, "https://models.invalid/v1").test(prompt="Hello")
    assert sheet.failure == "name_not_resolved"
    assert "models.invalid" in sheet.text


def test_a_name_that_leads_to_this_machine_is_refused(sheet: Sheet, db: None) -> None:
    """B2, B3: what a name resolves to is checked as well; the refusal is audited as one."""
    plain(sheet, "https://localhost:4443/v1").test(prompt="Hello")
    if sheet.status == 422:
        assert "localhost" in sheet.problem("url") or sheet.problem("url")
        return
    assert sheet.failure == "url_not_allowed"
    assert AuditEvent.objects.get(event="model.tested").outcome == "refused"


def test_a_closed_port(sheet: Sheet, db: None) -> None:
    with serving(answering()) as gone:
        port = gone.port
    allow_loopback(port)
    plain(sheet, f"http://127.0.0.1:{port}/").test(prompt="Hello")
    assert sheet.failure == "connection_refused"


def test_a_certificate_that_nobody_vouches_for(sheet: Sheet, db: None, tmp_path: Path) -> None:
    """B5: verification cannot be switched off."""
    with serving(answering(json_answer()), tls=self_signed_context(tmp_path, "127.0.0.1")) as server:
        allow_loopback(server.port)
        plain(sheet, f"https://127.0.0.1:{server.port}/").test(prompt="Hello")
    assert sheet.failure == "tls_failed"
    assert server.requests == []


def test_a_server_without_tls(sheet: Sheet, db: None) -> None:
    async def shout(connection: object) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # type: ignore[attr-defined]

    with serving(shout) as server:
        allow_loopback(server.port)
        plain(sheet, f"https://127.0.0.1:{server.port}/").test(prompt="Hello")
    assert sheet.failure == "tls_failed"


BAD_BODIES = [
    ('{"ask": ', "Line 1"),
    ('{"ask": "{{promt}}"}', "promt"),
    ('{"{{prompt}}": 1}', "key"),
    ('{\n  "ask": {{prompt}}x\n}', "Line 2"),
    ("", "Enter the JSON"),
]


def test_a_body_that_cannot_be_sent_is_refused_with_its_place(either: Sheet, allowed: RunningProvider) -> None:
    """C1: at save and at test, not at run time."""
    for body, words in BAD_BODIES:
        either.fill(name="Bad body", url=f"{allowed.url}/echo", body=body).press("sample")
        assert either.status == 422, body
        assert words in either.problem("body"), body
    assert not allowed.recorded


def test_missing_and_bad_values_are_named_next_to_their_fields(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02, Templates: missing_variable and bad_value before any call."""
    either.add_variable("count", "number", required="on").add_variable("extra", "json")
    either.fill(name="x", url=f"{allowed.url}/echo", body='{"ask": "{{prompt}}", "n": {{count}}, "e": {{extra}}}').press("sample")
    either.fields |= {"s-prompt": "", "s-count": "many", "s-extra": "{not json"}
    either.press("test")
    assert either.status == 422
    assert "sample" in either.ids
    assert "This variable is required" in either.text
    assert either.html.count('class="error" id="es-') == 3
    assert either.fields["s-count"] == "many"
    assert either.fields["s-extra"] == "{not json"
    assert not allowed.recorded
    either.fields |= {"s-prompt": "Hello", "s-count": "3", "s-extra": '{"a": [1]}'}
    either.press("test")
    assert either.failure == ""
    assert allowed.recorded[0].request.body == b'{"ask":"Hello","n":3,"e":{"a":[1]}}'


def test_a_body_that_gets_too_large(sheet: Sheet, allowed: RunningProvider) -> None:
    """Spec 02, Templates: a rendered body over 1 MiB."""
    sheet.fill(name="x", url=f"{allowed.url}/echo", body='{"a": "{{prompt}}", "b": "{{prompt}}"}').test(prompt="x" * 600_000)
    assert sheet.failure == "body_too_large"
    assert not allowed.recorded


def test_the_request_that_was_sent_is_shown_with_secrets_masked(either: Sheet, allowed: RunningProvider) -> None:
    triage(either, allowed).test(prompt='Say "hail"\nand <b>wind</b>')
    sent = either.region("v-sent")
    assert f"POST {allowed.url}/triage/v3/assess" in sent
    assert "X-Harbor-Key: ••••••••" in sent
    assert r'"ask":"Say \"hail\"\nand <b>wind</b>"' in sent.replace('": "', '":"')
    assert "<b>wind</b>" not in either.html


def test_odd_sample_text_is_sent_and_shown(either: Sheet, allowed: RunningProvider) -> None:
    """Whatever is typed neither breaks the page nor the database, and nothing is expanded twice."""
    either.fill(name="Odd", url=f"{allowed.url}/echo", body='{"ask": "{{prompt}}"}')
    texts = ["a\0b", "\ud7ff\ufffe", "\u202eright to left", "{{prompt}} twice", "😀"]
    for text in texts:
        assert either.test(prompt=text).failure == ""
    sent = [json.loads(record.request.body)["ask"] for record in allowed.recorded]
    assert sent == ["a\ufffdb", *texts[1:]]


ODD_ANSWERS = [
    rb'{"a\u0000b": "x\u0000y", "z\ud800": "\udfff"}',
    rb'{"a\u0000b": "x\u0000y", "z\ud800": "\udfff", "more": 1}',
    rb'{"out": 1, "\ud83d": {"\ude00": [1, 2]}}',
    b'"text"',
    b"[]",
    b"null",
    b"17",
]


def test_odd_answers_are_shown_and_stored(either: Sheet, db: None) -> None:
    """C3: U+0000 and lone surrogates are replaced before storing, in keys and in messages too."""
    bodies = [*ODD_ANSWERS]

    async def one_after_the_other(connection: Connection) -> None:
        await answering(json_answer(bodies.pop(0)))(connection)

    with serving(one_after_the_other) as server:
        allow_loopback(server.port)
        plain(either, f"http://127.0.0.1:{server.port}/")
        for body in ODD_ANSWERS:
            either.fill(output_path="" if body == ODD_ANSWERS[0] else "missing").test(prompt="Hello")
            assert "200 OK" in either.text, body
            assert either.failure in {"", "output_path_no_match"}, body


def test_an_answer_nested_200_deep_is_shown(either: Sheet, db: None) -> None:
    """C3: depth 200 is read, so it must be shown, too."""
    with serving(answering(json_answer(b'{"a":[' * 99 + b"1" + b"]}" * 99))) as server:
        allow_loopback(server.port)
        plain(either, f"http://127.0.0.1:{server.port}/").test(prompt="Hello")
    assert either.status == 200
    assert "200 OK" in either.text
    assert either.html.count('data-path="') == 1


def test_sample_input_is_remembered(either: Sheet, allowed: RunningProvider) -> None:
    """Spec 02: remembered for next time, on the page and after coming back."""
    triage(either, allowed).test(prompt="Hail on the A4", heat="0.7").press("sample")
    assert (either.fields["s-prompt"], either.fields["s-heat"], either.fields["s-line"]) == ("Hail on the A4", "0.7", "motor")
    either.save("draft")
    again = Sheet(either.client, scripts=either.scripts).open(ExternalModel.objects.get().pk)
    again.fill(h_1_value="hk-a-new-key-0000-1111").press("sample")
    assert (again.fields["s-prompt"], again.fields["s-heat"]) == ("Hail on the A4", "0.7")


def test_a_get_without_a_body_is_sent_without_one(either: Sheet, allowed: RunningProvider) -> None:
    either.fill(name="Get", method="GET", url=f"{allowed.url}/echo?desk=7", body="").test(prompt="Hello")
    assert either.failure == ""
    request = allowed.recorded[0].request
    assert (request.method, request.query, request.body) == ("GET", "desk=7", b"")
