"""What the pages read of prompts. The workspace always comes first."""

from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import Http404

from apps.accounts.models import Workspace
from apps.core.database import release_connection
from apps.core.text import is_storable
from apps.external_models.names import name_key
from apps.playground.models import Prompt, PromptVersion


def list_prompts(workspace: Workspace, q: str = "") -> QuerySet[Prompt]:
    """With `model_name` and `author_name` of the newest version, and whether its model is gone."""
    newest = PromptVersion.objects.filter(prompt=OuterRef("pk"), number=OuterRef("newest"))
    prompts = Prompt.objects.filter(workspace=workspace).annotate(
        model_name=Subquery(newest.values("model_name")[:1]),
        model_id_now=Subquery(newest.values("model")[:1]),
        author_name=Subquery(newest.values("author_name")[:1]),
    )
    if not is_storable(q):
        return prompts.none()
    return prompts.filter(Q(name_key__contains=name_key(q)) | Q(model_name__icontains=q)) if q else prompts


def get_prompt(workspace: Workspace, prompt_id: UUID) -> Prompt:
    """One prompt of the workspace. Foreign and missing are the same 404 (spec 07 D2)."""
    prompt = Prompt.objects.filter(workspace=workspace, pk=prompt_id).first()
    if prompt is None:
        raise Http404("No such prompt in this workspace.")
    return prompt


def runnable_version(workspace_id: UUID, prompt_id: UUID) -> PromptVersion | None:
    """The newest version of a prompt, with prompt and model, in one query. Holds no connection afterwards: a model is slow."""
    try:
        versions = PromptVersion.objects.filter(prompt=prompt_id, prompt__workspace=workspace_id, number=F("prompt__newest"))
        return versions.select_related("prompt", "model").first()
    finally:
        release_connection()


def find_version(prompt: Prompt, number: int | None = None) -> PromptVersion:
    """That version of the prompt, or its newest."""
    version = prompt.versions.select_related("model").filter(number=number or prompt.newest).first()
    if version is None:
        raise Http404("This prompt has no such version.")
    return version
