"""Who is calling, seen past our own proxies and no further."""

from django.conf import settings
from django.http import HttpRequest


def client_ip(request: HttpRequest) -> str:
    return address_behind(request.META.get("REMOTE_ADDR", "") or "", request.headers.get("X-Forwarded-For", ""))


def address_behind(remote: str, forwarded_for: str) -> str:
    """X-Forwarded-For counts from the right, as many entries as there are trusted proxies: anybody can write the rest."""
    hops: int = settings.TRUSTED_PROXIES
    if hops < 1:
        return remote
    forwarded = [entry.strip() for entry in forwarded_for.split(",") if entry.strip()]
    return forwarded[-hops] if len(forwarded) >= hops else remote
