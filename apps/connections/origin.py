"""Where a connection's secrets may go: scheme, host and port of the endpoint as this connection fills it in."""

import hashlib
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from apps.external_models.definition import BEDROCK_SCHEME
from apps.providers.address import fill_url
from apps.providers.errors import ProviderError

DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str, parameters: Mapping[str, str]) -> str:
    """`https://api.example.com:443`; "" when the URL does not name a host (yet), which no stored secret matches.

    A Bedrock model's secret headers belong to its region and role, however long the role's ARN.
    """
    if url.startswith(BEDROCK_SCHEME):
        place = json.dumps([str(parameters.get("region", "")), str(parameters.get("role_arn", ""))])
        return f"{BEDROCK_SCHEME}{hashlib.sha256(place.encode()).hexdigest()}"
    try:
        parts = urlsplit(url)
        host = urlsplit(fill_url(f"{parts.scheme}://{parts.netloc}/", parameters))
        port = host.port or DEFAULT_PORTS.get(host.scheme, 0)
    except (ValueError, ProviderError):
        return ""
    return f"{host.scheme}://{host.hostname}:{port}" if host.hostname else ""
