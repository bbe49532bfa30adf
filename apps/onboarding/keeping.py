"""Typed secrets between two pages. Without scripts every button loads a new page, and no page carries a secret back."""

from collections.abc import Mapping
from typing import Protocol
from uuid import uuid4

from django.db import transaction

from apps.accounts.models import User, Workspace
from apps.core.secrets import Secret, seal
from apps.inference.actions import forget_old_runs, forget_typed_secrets
from apps.inference.models import TestRun, TypedSecret


class Keeps(Protocol):
    """A page with secrets typed into it: by lower-case header name, for an origin ("" before there is one), by one person."""

    workspace: Workspace
    user: User
    run: TestRun | None

    @property
    def typed_secrets(self) -> Mapping[str, Secret]: ...

    @property
    def origin(self) -> str: ...

    def adopt(self, run: TestRun) -> None:
        """This run holds the typed secrets from now on."""
        ...


@transaction.atomic
def keep_typed_secrets(page: Keeps) -> None:
    """Seal what was typed for the next submit of the same person, bound to the endpoint's host. Nothing to audit: nothing is saved."""
    if not page.typed_secrets or not page.origin:
        return
    run = page.run or TestRun(id=uuid4(), workspace=page.workspace, created_by=page.user, passed=False)
    if page.run is None:
        run.save(force_insert=True)
        forget_old_runs(run)
    for name, secret in page.typed_secrets.items():
        row = TypedSecret.objects.filter(run=run, name=name, origin=page.origin).first()
        row = row or TypedSecret(run=run, name=name, origin=page.origin)
        row.value = seal(secret, row.place)
        row.save()
    page.adopt(run)
    forget_typed_secrets()
