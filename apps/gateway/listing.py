"""GET /v1/models, and one of them: what this key may call. Read from the database once and kept until something changes."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async
from django.db import connection as database

from apps.audit import watch
from apps.audit.chain import PLATFORM
from apps.core.database import release_connection
from apps.gateway.doors import ANTHROPIC, OPENAI, Door
from apps.gateway.queries import callable_models
from apps.gateway.refusals import no_such_model
from apps.inference.routes import canonical
from apps.providers.callers.base import ListedModel
from apps.traces.record import Api

MOST_LISTED = 200_000  # names and IDs kept in one process; beyond it the copies start anew


@dataclass(frozen=True, slots=True)
class Listing:
    """What one workspace's programs may call: all of it as each API writes it, and each by its ID and by its name as names are compared."""

    answers: Mapping[Api, bytes]
    models: Mapping[str, ListedModel]


_kept: dict[UUID, Listing] = {}
_changes = 0
_lock = threading.Lock()


async def list_models(door: Door, workspace_id: UUID) -> bytes:
    """All of them, in one page, by name."""
    return (await _listing(workspace_id)).answers[door.api]


async def show_model(door: Door, workspace_id: UUID, asked: str) -> bytes:
    """One by its name or ID, as the list has it. Raises Refusal for any other, another workspace's among them."""
    model = (await _listing(workspace_id)).models.get(canonical(asked))
    if model is None:
        raise no_such_model(asked)
    listed = msgspec.json.decode(door.format.render_models([model]))
    return msgspec.json.encode(listed["data"][0])


async def _listing(workspace_id: UUID) -> Listing:
    return _kept.get(workspace_id) or await sync_to_async(_read_and_keep)(workspace_id)


def _read_and_keep(workspace_id: UUID) -> Listing:
    try:
        if database.in_atomic_block:  # what a transaction sees others need not
            return _read(workspace_id)
        watch.start()
        changes = _changes
        listing = _kept.get(workspace_id) or _read(workspace_id)
        _keep(workspace_id, listing, changes)
        return listing
    finally:
        release_connection()


def _read(workspace_id: UUID) -> Listing:
    rows = callable_models(workspace_id).values_list("pk", "name_key", "name", "created_at")
    found = [(str(pk), key, ListedModel(name, int(created.timestamp()))) for pk, key, name, created in rows]
    answers = {door.api: door.format.render_models(model for _, _, model in found) for door in (OPENAI, ANTHROPIC)}
    # An ID goes before a name that looks like one, as it does where calls are routed.
    return Listing(answers, {key: model for _, key, model in found} | {pk: model for pk, _, model in found})


def _keep(workspace_id: UUID, listing: Listing, changes: int) -> None:
    """Unless something has changed since it was read: then nobody knows whether it was read before or after."""
    with _lock:
        if changes != _changes:
            return
        if sum(1 + len(each.models) for each in _kept.values()) > MOST_LISTED:
            _kept.clear()
        _kept[workspace_id] = listing


def _forget(chain: str) -> None:
    """Drop what is kept of a workspace, or of all when the platform has changed something."""
    global _changes
    with _lock:
        _changes += 1
        if chain == PLATFORM:
            _kept.clear()
        else:
            _kept.pop(UUID(chain), None)


watch.on_change(_forget)
