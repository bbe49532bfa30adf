"""The product behind a slow, uneven line: every answer waits for a random part of PATCHBAY_LAG_MS milliseconds, so that journeys which
only pass while the server is quick are found. `PATCHBAY_LAG_MS=500 uv run pytest tests/e2e` starts the sites of the journeys so."""

import asyncio
import os
import random
from typing import Any

from apps.core.body_limit import Receive, Send
from config.asgi import application as product

LAG_SECONDS = float(os.environ.get("PATCHBAY_LAG_MS", "0")) / 1000


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and not scope["path"].startswith("/health/"):
        await asyncio.sleep(random.random() * LAG_SECONDS)
    await product(scope, receive, send)
