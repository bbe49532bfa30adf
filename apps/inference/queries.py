"""Which test of a model counts as the last one."""

from uuid import UUID

from apps.accounts.models import User
from apps.external_models.models import ExternalModel
from apps.inference.models import TestRun
from apps.providers.types import JsonValue
from apps.providers.variables import coerce_values

DEFAULT_PROMPT = "Say hello in one short sentence."


def last_test(model_id: UUID, user: User) -> TestRun | None:
    """This person's last test of the model. A run that only holds typed secrets was never sent, so it is none."""
    runs = TestRun.objects.filter(model_id=model_id, created_by=user).exclude(digest="")
    return runs.order_by("-created_at").first()


def sample_values(model: ExternalModel, user: User) -> dict[str, JsonValue]:
    """What a test of a connection sends: the sample input of this person's last test of the model, else a greeting.

    Raises ProviderError when the remembered sample does not fit the variables any more.
    """
    run = last_test(model.pk, user)
    return coerce_values(model.definition.variables, {"prompt": DEFAULT_PROMPT} | (run.sample if run else {}))
