"""The cache that processes share (CACHE_URL), and how it says that it is away."""

import sys
from typing import Any

from django.conf import settings
from django.core.cache import cache


def shared_cache() -> Any:
    """Django's default cache where several processes see it; None where each has its own, in memory."""
    backend: str = settings.CACHES["default"]["BACKEND"]
    return None if backend.endswith(("LocMemCache", "DummyCache")) else cache


def failures(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """What a cache raises that is away, and `more`, for `except`.

    Redis's own error is taken from the loaded module, not imported: the package takes 20 MiB, which a process without Redis can save.
    """
    redis = sys.modules.get("redis")
    return (OSError, *more, redis.RedisError) if redis else (OSError, *more)
