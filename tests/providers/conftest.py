"""The demo provider, for the tests that send what a wire format renders."""

from tests.support.provider import provider, provider_server

__all__ = ["provider", "provider_server"]
