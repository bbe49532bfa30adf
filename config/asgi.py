"""ASGI entry point: Django, and a lifespan that tells the health check when the process has been told to stop (spec 07 F6)."""

import asyncio
import os
import warnings
from typing import Any

from django.core.asgi import get_asgi_application

# WhiteNoise gives files in small synchronous pieces; Django warns once per process that it adapts them.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django_application = get_asgi_application()

from apps.audit import watch  # noqa: E402 - models can be imported only now
from apps.core import lifespan, upgrades  # noqa: E402
from apps.core.body_limit import Receive, Send, limited  # noqa: E402
from apps.gateway.app import application as gateway  # noqa: E402
from apps.gateway.app import is_gateway  # noqa: E402

limited_application = limited(django_application)


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await asyncio.to_thread(watch.start)
        await lifespan.run(receive, send)
    elif scope["type"] == "http" and upgrades.loses_body(scope):
        await upgrades.refuse(send)
    elif is_gateway(scope):
        await gateway(scope, receive, send)
    else:
        await limited_application(scope, receive, send)
