"""What is done with traces and leaves an audit event."""

from django.db import transaction

from apps.accounts.models import Workspace
from apps.audit.record import Actor, Event, Target, hold_chain, record


@transaction.atomic
def record_export(workspace: Workspace, *, kind: str, query: str, texts: bool, own: bool, actor: Actor) -> None:
    """Say who took which traces out, before the first of them leaves. `query` is the filter as it stands in the address."""
    hold_chain(workspace.pk)
    changes = {"format": kind, "filter": query, "input and output": texts, "own calls only": own}
    record(Event.TRACES_EXPORTED, actor=actor, workspace=workspace.pk, target=Target("traces.trace", "", "Traces"), changes=changes)
