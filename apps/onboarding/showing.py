"""The page as an answer: whole, or for htmx the regions that changed."""

from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string

from apps.accounts.requests import WorkspaceRequest, actor_of
from apps.core.htmx import is_fragment_request, render_page, toasts_out_of_band
from apps.inference.actions import record_refusal
from apps.onboarding.builder import Builder
from apps.onboarding.keeping import keep_typed_secrets
from apps.onboarding.page import Page


def show(
    request: WorkspaceRequest,
    builder: Builder,
    *,
    regions: tuple[str, ...] = (),
    dialog: str = "",
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    """The page; for htmx the dialog (or nothing, which closes it) and the regions, out of band."""
    if not is_fragment_request(request):
        keep_typed_secrets(builder)
    context = {"builder": builder, "form": builder.form, "shown": Page(builder), "dialog": dialog, **extra}
    if not is_fragment_request(request):
        return render_page(request, builder.template, context, status=status)
    parts = [render_to_string(f"onboarding/{dialog}.html", context, request)] if dialog else []
    parts += [render_to_string(f"{builder.template}#{region}", {**context, "oob": True}, request) for region in regions]
    return HttpResponse("".join(parts) + toasts_out_of_band(request), status=status)


def note_refusal(request: WorkspaceRequest, builder: Builder) -> None:
    """An address that the egress rules refuse is audited, also when the form stops it before any call (spec 07 B7)."""
    if builder.refused:
        record_refusal(request.workspace, model=builder.model, name=builder.name, url=builder.definition.url, actor=actor_of(request))
