"""Choosing what a workspace keeps of what its calls say."""

from dataclasses import dataclass

from django.db import transaction

from apps.accounts.models import Workspace
from apps.audit.record import Actor, Event, hold_chain, record
from apps.traces import capture
from apps.traces.models import CapturePolicy


@dataclass(frozen=True, slots=True)
class CaptureChoice:
    """The fields of CapturePolicy."""

    mode: str
    mask_emails: bool
    mask_cards: bool
    mask_keys: bool
    patterns: tuple[str, ...]
    body_limit: int
    body_days: int
    trace_days: int | None


@transaction.atomic
def change_capture_policy(workspace: Workspace, *, choice: CaptureChoice, actor: Actor) -> None:
    """Calls that end from now on are kept so; what is stored stays as it is until its days are over. No change, no event."""
    hold_chain(workspace.pk)
    policy = CapturePolicy.objects.filter(pk=workspace.pk).first() or CapturePolicy(workspace=workspace)
    changes = {}
    for name in CaptureChoice.__dataclass_fields__:
        value = getattr(choice, name)
        value = list(value) if isinstance(value, tuple) else value
        if getattr(policy, name) != value:
            changes[name] = (getattr(policy, name), value)
            setattr(policy, name, value)
    if not changes:
        return
    policy.save()
    transaction.on_commit(lambda: capture.load({workspace.pk}))
    record(Event.WORKSPACE_SETTINGS_CHANGED, actor=actor, workspace=workspace.pk, target=workspace, changes=changes)
