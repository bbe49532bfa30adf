"""A URL root for tests of the access rules: one view of each kind, sync and async."""

import asyncio

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_POST

from apps.accounts.permissions import Permission
from apps.accounts.requests import WorkspaceRequest
from apps.core.access import public, require, signed_in
from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as product_urls

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def undeclared(request: HttpRequest) -> HttpResponse:
    return HttpResponse("seen")


@public
def for_all(request: HttpRequest) -> HttpResponse:
    return HttpResponse("seen")


@signed_in
async def for_the_signed_in(request: WorkspaceRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(request.user.name)


@require(Permission.EDIT_MODELS)
def for_editors(request: WorkspaceRequest) -> HttpResponse:
    return HttpResponse(f"{request.workspace.slug} {request.membership.role}")


@require(Permission.EDIT_MODELS)
async def for_editors_async(request: WorkspaceRequest, thing: int) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(f"{request.workspace.slug} {request.membership.role} {thing}")


@require_POST
@require(Permission.DELETE_MODELS)
def delete(request: WorkspaceRequest) -> HttpResponse:
    return HttpResponse("deleted")


@public
def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("sk-planted-in-an-error")


urlpatterns = [
    path("undeclared/", undeclared),
    path("all/", for_all),
    path("signed-in/", for_the_signed_in),
    path("broken/", broken),
    path("w/<slug:workspace>/edit/", for_editors),
    path("w/<slug:workspace>/things/<int:thing>/", for_editors_async),
    path("w/<slug:workspace>/delete/", delete),
    path("w/<slug:workspace>/undeclared/", undeclared),
    *product_urls,
]
