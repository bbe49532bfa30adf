"""docs/audit-format.md is what the product does: an outside verifier may rely on it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import transaction

from apps.audit.chain import HASHED_FIELDS, event_hash, timestamp
from apps.audit.events import Event
from apps.audit.queries import events_of
from apps.audit.record import SYSTEM, Target, record

DOCUMENT = Path(settings.BASE_DIR, "docs", "audit-format.md").read_text()
type Line = dict[str, object]


def check(lines: list[Line]) -> subprocess.CompletedProcess[str]:
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return subprocess.run([sys.executable, "-I", "-c", program], input=text, capture_output=True, text=True, check=False)


@pytest.fixture
def lines(db: None) -> list[Line]:
    workspace = uuid4()
    with transaction.atomic():
        for name in ("plain", 'quotes " and \\', "línea\nnueva\t\x01\x7f", "\u202eright to left 🙂", "</script>"):
            record(
                Event.MODEL_UPDATED,
                actor=SYSTEM,
                workspace=workspace,
                target=Target("model", "1", name),
                changes={"name": (None, name), "limits": {"ß": 1, "a": [True, 2**53, 0.5]}},
            )
    events = events_of(workspace).order_by("sequence").values(*HASHED_FIELDS, "hash")
    return [{**event, "created_at": timestamp(event["created_at"])} for event in events]


def test_documented_program_accepts_what_the_product_writes(lines: list[Line]) -> None:
    result = check(lines)
    assert result.stdout == f"5 events, last hash {lines[-1]['hash']}\n", result.stderr


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (lambda lines: lines[2].update(description="x"), "event 3 was changed"),
        (lambda lines: lines.pop(1), "event 2 is missing"),
        (lambda lines: lines.reverse(), "event 1 is missing"),
        (
            lambda lines: (lines[1].update(outcome="failed"), lines[1].update(hash=event_hash(lines[1]))),
            "event 3 does not follow the one before it",
        ),
    ],
)
def test_documented_program_finds_tampering(lines: list[Line], tamper: Callable[[list[Line]], object], message: str) -> None:
    tamper(lines)
    result = check(lines)
    assert (result.returncode, result.stderr.strip()) == (1, message)


def test_hash_of_a_known_event_never_changes() -> None:
    """The rule is fixed: a change that alters this hash would break every log that exists."""
    event = dict.fromkeys(HASHED_FIELDS, "") | {
        "chain": "platform",
        "sequence": 1,
        "event": "sign_in.signed_in",
        "actor_name": "Zoë \u202e",
        "changes": {"name": {"after": 'a"\\\n/é', "before": None}},
        "created_at": "2026-11-20T09:30:00.000000Z",
        "previous_hash": "0" * 64,
    }
    assert event_hash(event) == "6f1b4d496bd6d58fb57d15db5af13681e755202990428f11d440b7c687a79103"


def test_every_hashed_field_is_documented() -> None:
    table = DOCUMENT[DOCUMENT.index("| field |") : DOCUMENT.index("Values inside")]
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {*HASHED_FIELDS, "hash"}
