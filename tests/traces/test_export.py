"""Export of what the filter finds (spec 06): both formats, formulas, rights, the audit event, and how much is held at once."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from apps.audit.models import AuditEvent
from apps.traces import export
from apps.traces.models import Trace
from tests.conftest import ClientFor
from tests.support.calls import entry, keep, make_traces
from tests.support.cast import Cast

EXPORT = "/w/harbor/traces/export/"
# The test client has no event loop to give pieces out in, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume:Warning")


def download(client: Client, query: str = "", **data: str) -> tuple[str, str]:
    """The file's name and content."""
    response: Any = client.post(EXPORT + query, {"format": "csv", "texts": "1"} | data)
    assert response.status_code == 200
    return response.headers["Content-Disposition"], b"".join(response).decode()


def table(text: str) -> Iterator[dict[str, str]]:
    return iter(csv.DictReader(StringIO(text, newline="")))


def test_json_lines_have_everything_and_the_export_is_audited(cast: Cast, client_for: ClientFor) -> None:
    _, late = keep(
        entry(cast.harbor, by=cast.alice),
        entry(
            cast.harbor,
            by=cast.alice,
            status="failed",
            error_code="timeout",
            error_message="Late.",
            provider_status=503,
            provider_message="Busy.",
        ),
    )
    name, content = download(client_for(cast.alice), "?where=status:is:failed", format="jsonl")
    assert name.startswith('attachment; filename="traces-harbor-')
    assert name.endswith('.jsonl"')
    [line] = [json.loads(each) for each in content.splitlines()]
    assert line["request_id"] == late.request_id
    assert (line["status"], line["error_code"], line["error_message"]) == ("failed", "timeout", "Late.")
    assert line["started_at"].endswith("+00:00")
    assert (line["response_ms"], line["input_tokens"], line["cost"]) == (1250.0, 92, None)
    assert line["cache_write_tokens"] is None  # with all kinds of tokens the cost can be reckoned again
    assert (line["provider_status"], line["provider_message"]) == (503, "Busy.")
    assert "Hail on the roof" in line["input"]
    event = AuditEvent.objects.latest("sequence")
    assert event.event == "workspace.traces_exported"
    assert "where=status%3Ais%3Afailed" in json.dumps(event.changes)


def test_csv_has_no_formulas(cast: Cast, client_for: ClientFor) -> None:
    evil = ['=HYPERLINK("http://evil.example")', "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1+1", 'plain "quoted"\nsecond line']
    keep(*(entry(cast.harbor, output=text, source_name="=cmd", response_ms=10.0 * number) for number, text in enumerate(evil, 1)))
    _, content = download(client_for(cast.alice))
    rows = sorted(table(content), key=lambda row: float(row["response_ms"]))
    assert [row["output"] for row in rows] == [*(f"'{text}" for text in evil[:-1]), evil[-1]]
    assert {row["source_name"] for row in rows} == {"'=cmd"}
    assert {row["response_ms"] for row in rows} >= {"10.0"}, "numbers stay numbers"
    _, without = download(client_for(cast.alice), texts="")
    assert without.splitlines()[0].endswith(",currency,error_code")
    assert len(list(table(without))) == len(evil)


def test_a_member_takes_out_own_calls_only(cast: Cast, client_for: ClientFor) -> None:
    [_, own] = keep(entry(cast.harbor, by=cast.alice), entry(cast.harbor, by=cast.bob))
    _, content = download(client_for(cast.bob))
    assert [row["request_id"] for row in table(content)] == [own.request_id]


def test_pieces_hold_few_rows_and_every_row_once(cast: Cast) -> None:
    """Many rows of one moment, more than a piece holds; the first piece leaves before the second is read."""
    rows = make_traces(cast.harbor, 2 * export.CHUNK_WITH_TEXTS + 7, at=None)

    async def pieces() -> list[bytes]:
        return [piece async for piece in export.export(Trace.objects.all(), export.FORMATS["jsonl"], texts=True)]

    found = [[json.loads(line)["request_id"] for line in piece.splitlines()] for piece in async_to_sync(pieces)()]
    assert [len(piece) for piece in found] == [0, 250, 250, 7]
    assert sorted(each for piece in found for each in piece) == sorted(row.request_id for row in rows)


def test_not_too_many_exports(cast: Cast, client_for: ClientFor) -> None:
    alice = client_for(cast.alice)
    answers = [alice.post(EXPORT, {"format": "csv"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert "exports within a minute" in answers[-1].content.decode()


def test_the_dialog_says_what_is_exported(cast: Cast, client_for: ClientFor) -> None:
    alice = client_for(cast.alice)
    assert "All calls of the period" in alice.get(EXPORT).content.decode()
    filtered = alice.get(EXPORT + "?where=status:is:failed", headers={"HX-Request": "true"}).content.decode()
    assert "What the filter finds" in filtered
    assert f'action="{EXPORT}?where=status%3Ais%3Afailed"' in filtered
    assert alice.post(EXPORT, {"format": "exe"}).status_code == 200, "an unknown format shows the dialog again"
    assert not AuditEvent.objects.filter(event="workspace.traces_exported").exists()
