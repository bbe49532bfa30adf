"""`anthropic-beta`: parts of Anthropic's API that a program asks for by name, beside the body. They go on with what is passed on."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from apps.core.secrets import Secret
from apps.gateway.refusals import Refusal
from apps.providers.types import Request

HEADER: Final = "anthropic-beta"
MOST: Final = 1000  # characters
_NAMES = re.compile(r"[\w.:,\- ]*", re.ASCII)


def betas_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The names, separated by commas; "" for none. Raises Refusal for what no name can be."""
    name = HEADER.encode()
    text = ",".join(value.decode("latin-1") for header, value in headers if header == name)
    if len(text) > MOST or not _NAMES.fullmatch(text):
        raise Refusal(400, "invalid_request", f"The header {HEADER} takes names separated by commas, {MOST:,} characters at most.")
    return text


def with_betas(request: Request[Secret], betas: str) -> Request[Secret]:
    """The request that asks for these, too. What its model's definition asks for stays in front; one that is a secret stays as it is."""
    own = next((value for header, value in request.headers if header.lower() == HEADER), "")
    if isinstance(own, Secret):
        return request
    others = tuple(header for header in request.headers if header[0].lower() != HEADER)
    return replace(request, headers=(*others, (HEADER, f"{own},{betas}" if own else betas)))
