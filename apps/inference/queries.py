"""Which test of a model counts as the last one."""

from uuid import UUID

from apps.accounts.models import User
from apps.inference.models import TestRun


def last_test(model_id: UUID, user: User) -> TestRun | None:
    """This person's last test of the model. A run that only holds typed secrets was never sent, so it is none."""
    runs = TestRun.objects.filter(model_id=model_id, created_by=user).exclude(digest="")
    return runs.order_by("-created_at").first()
