"""The columns of the table of traces. Some are hidden unless asked for; the choice is remembered in a cookie of the workspace's pages."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpResponse

from apps.accounts.requests import WorkspaceRequest

COOKIE_AGE = 365 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Extra:
    key: str
    label: str
    css: str = ""


EXTRAS = (
    Extra("model", "Model", "cell-name"),
    Extra("connection", "Connection", "cell-name"),
    Extra("tokens", "Tokens", "num"),
    Extra("cost", "Cost", "num"),
    Extra("first_token", "Time to first token", "num"),
    Extra("attempts", "Attempts", "num"),
    Extra("error_code", "Error code"),
)


def chosen_columns(request: WorkspaceRequest) -> tuple[Extra, ...]:
    return known(request.COOKIES.get(cookie_name(request), "").split("."))


def known(keys: Iterable[str]) -> tuple[Extra, ...]:
    wanted = set(keys)
    return tuple(extra for extra in EXTRAS if extra.key in wanted)


def remember_columns(request: WorkspaceRequest, response: HttpResponse, keys: Iterable[str]) -> None:
    response.set_cookie(
        cookie_name(request),
        ".".join(extra.key for extra in known(keys)),
        max_age=COOKIE_AGE,
        path=f"/w/{request.workspace.slug}/",
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def cookie_name(request: WorkspaceRequest) -> str:
    """One for each person, because a browser may be shared."""
    return f"trace_columns_{request.user.pk.hex[:12]}"
