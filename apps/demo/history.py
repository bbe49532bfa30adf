"""A week of calls for the demo: what programs and people of Harbor Mutual asked the workspace's models, and how it went.

Only the records are made up; nothing is called. They come in through the same door as real ones, so that sums and costs agree.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.catalog.models import Price
from apps.connections.models import Connection
from apps.core.ids import uuid7
from apps.demo.prompts import find_prompt
from apps.external_models.models import ExternalModel
from apps.traces.capture import preload
from apps.traces.models import SourceType, Status, Trace
from apps.traces.record import Api, Attempt, TraceRecord
from apps.traces.store import flush, record

CALLS, DAYS = 300, 7
DAY_BEGINS, DAY_HOURS = 7, 11  # most calls come while people work
SYSTEM_PROMPT = "You triage insurance claims for Harbor Mutual. Answer with a severity, a queue and what is missing."
NIGHTLY = "fraud-nightly"
INTAKE = "intake-service"

ASKED = (
    (
        "Rear-end collision on the A4, no injuries, claimant has photos but no police report.",
        "Severity: low. Queue: motor, vehicle damage.",
    ),
    ("Summarise the attached repair estimate for claim 48-2210.", "Three items, 2,140 euros in total. Labour is 61 %."),
    ("Classify: hail damage on a roof window.", "property, weather"),
    ("Is water damage from a burst washing machine hose covered by Home Plus?", "Yes, section 4.2, with an excess of 150 euros."),
    ("Line of business: motor. The other driver left, a witness noted the plate.", "Severity: medium. Missing: the witness's address."),
    ("Draft a letter that asks for the police report of claim 48-1931.", "Dear Ms Olsen, to settle your claim we need the police report."),
    ("Extract policy number and date of loss from this scan.", "Policy HM-7731-04, date of loss 3 November."),
    ("Which documents are missing for a theft of a bicycle?", "The proof of purchase, the frame number and the police report."),
    ("Storm took tiles off a barn, cattle unharmed. Which cover applies?", "Farm buildings, storm from force 8. Check the wind data."),
    (
        "Two claims for the same windscreen in one week. Anything odd?",
        "The invoices have the same number: refer to special investigations.",
    ),
)
# Error code, message, hint, stage, the provider's status, milliseconds.
TROUBLES = (
    ("rate_limited", "The provider refused the call: too many requests.", "Wait, or add a connection.", "send", 429, 120.0),
    ("timeout", "The provider did not answer within 30 s.", "Try again, or raise the model's time limit.", "receive", None, 30_000.0),
    ("upstream_error", "The provider failed with status 503.", "Its status page may say more.", "receive", 503, 640.0),
)


@dataclass(frozen=True, slots=True)
class Caller:
    type: SourceType
    id: str
    name: str
    user: User | None = None


def seed_history(workspace: Workspace, people: Sequence[User]) -> None:
    """Once for a workspace; nothing where it has no connection that could have been called."""
    connections = called_connections(workspace)
    if not connections or Trace.objects.filter(workspace=workspace, source_name=INTAKE).exists():
        return
    set_prices_back(timezone.now() - timedelta(days=DAYS + 1))
    chance = Random(f"history of {workspace.slug}")  # noqa: S311 - the same week in every demo
    callers = callers_of(workspace, people)
    # What always fails is called less.
    models = [model for model in sorted(connections) for _ in range(1 if connections[model][0].last_error else 5)]
    preload(workspace.pk)
    for moment in moments(chance, timezone.now()):
        record(call(workspace, moment, chance.choice(callers), connections[chance.choice(models)], chance))
    flush()


def set_prices_back(moment: datetime) -> None:
    """The demo's prices are as old as its calls, which would otherwise have none."""
    Price.objects.filter(valid_from__gt=moment, valid_from__lte=timezone.now()).update(valid_from=moment)


def called_connections(workspace: Workspace) -> dict[UUID, list[Connection]]:
    """By model: those that are on, easy integrations first among equals."""
    found: dict[UUID, list[Connection]] = {}
    rows = Connection.objects.filter(workspace=workspace, inferencing_enabled=True, model__inferencing_enabled=True)
    for connection in rows.select_related("model").order_by("name_key"):
        found.setdefault(connection.model_id, []).append(connection)
    return found


def callers_of(workspace: Workspace, people: Sequence[User]) -> list[Caller]:
    """Programs call far more often than people do."""
    intake, nightly = (Caller(SourceType.API_KEY, f"demo-{name}", name) for name in (INTAKE, NIGHTLY))
    letter = find_prompt(workspace)
    return [
        *[intake] * 6,
        *[nightly] * 2,
        *([Caller(SourceType.PROMPT, str(letter.pk), letter.name, people[0])] if letter else []),
        *(Caller(SourceType.PLAYGROUND, str(person.pk), person.name, person) for person in people),
    ]


def moments(chance: Random, now: datetime) -> list[datetime]:
    """Oldest first, most of them in working hours, none in the future."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[datetime] = []
    while len(found) < CALLS:
        hour = DAY_BEGINS + DAY_HOURS * chance.betavariate(2, 2) if chance.random() < 0.9 else 24 * chance.random()
        moment = today - timedelta(days=chance.randrange(DAYS)) + timedelta(hours=hour)
        found.append(moment if moment < now else now - timedelta(minutes=600 * chance.random()))
    return sorted(found)


def call(workspace: Workspace, moment: datetime, caller: Caller, connections: Sequence[Connection], chance: Random) -> TraceRecord:
    """One call: nine in ten go well, some after a second attempt, some fail, a few are stopped by who made them."""
    prompt, answer = chance.choice(ASKED)
    luck = chance.random()
    failing = connections[0].last_error != ""
    trouble = chance.choice(TROUBLES) if luck < 0.08 or failing else None
    stopped = trouble is None and luck > 0.97
    took = 420 + 1400 * chance.random() ** 2
    connection = connections[0 if caller.name == NIGHTLY else -1]  # each program has a connection that is meant for it
    attempts = attempts_of(connection, connections, trouble, took, retried=0.08 <= luck < 0.12)
    model: ExternalModel = connection.model
    is_open = caller.user is None or stopped
    return TraceRecord(
        id=uuid7(),
        workspace_id=workspace.pk,
        started_at=moment.timestamp(),
        status=Status.FAILED if trouble else Status.CANCELLED if stopped else Status.SUCCESS,
        source_type=caller.type,
        source_id=caller.id,
        source_name=caller.name,
        user_id=caller.user.pk if caller.user else None,
        user_name=caller.user.name if caller.user else "",
        api=Api.OPENAI,
        model_id=model.pk,
        model_name=model.name,
        connection_id=connection.pk,
        connection_name=connection.name,
        streamed=not is_open,
        attempts=attempts,
        response_ms=sum(attempt.milliseconds for attempt in attempts) + 3.2,
        first_token_ms=None if trouble else round(180 + 260 * chance.random(), 1),
        input_tokens=None if trouble else 60 + len(prompt) // 4 + chance.randrange(400),
        output_tokens=None if trouble else 12 + len(answer) // 4 + chance.randrange(160),
        provider=model.provider if model.is_easy else "",
        provider_model=model.model_id if model.is_easy else "",
        error_code=trouble[0] if trouble else "",
        error_message=trouble[1] if trouble else "",
        error_hint=trouble[2] if trouble else "",
        error_stage=trouble[3] if trouble else "",
        provider_status=trouble[4] if trouble else None,
        input=chat(prompt),
        output="" if trouble else answer[: len(answer) // 2] if stopped else answer,
    )


def attempts_of(
    connection: Connection,
    others: Sequence[Connection],
    trouble: tuple[str, str, str, str, int | None, float] | None,
    took: float,
    *,
    retried: bool,
) -> tuple[Attempt, ...]:
    if trouble:
        code, _, _, _, status, milliseconds = trouble
        return (Attempt(connection.pk, connection.name, milliseconds, code, status),)
    answered = Attempt(connection.pk, connection.name, round(took, 1), "", 200)
    first = next((other for other in others if other.pk != connection.pk), connection)
    return (Attempt(first.pk, first.name, 118.0, "rate_limited", 429), answered) if retried else (answered,)


def chat(prompt: str) -> str:
    """As a program sends it."""
    return json.dumps({"messages": [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": prompt}]})
