"""Typed secrets between two pages. Without scripts every button loads a new page, and no page carries a secret back."""

from uuid import uuid4

from django.db import transaction

from apps.core.secrets import seal
from apps.inference.models import TestRun, TypedSecret
from apps.onboarding.builder import Builder


@transaction.atomic
def keep_typed_secrets(builder: Builder) -> None:
    """Seal what was typed for the next submit of the same person, bound to the endpoint's host. Nothing to audit: nothing is saved."""
    if not builder.typed_secrets or not builder.origin:
        return
    run = builder.run or TestRun(id=uuid4(), workspace=builder.workspace, created_by=builder.user, passed=False)
    if builder.run is None:
        run.save(force_insert=True)
    for name, secret in builder.typed_secrets.items():
        row = TypedSecret.objects.filter(run=run, name=name, origin=builder.origin).first()
        row = row or TypedSecret(run=run, name=name, origin=builder.origin)
        row.value = seal(secret, row.place)
        row.save()
    builder.adopt(run)
