from tests.gateway.conftest import db, provider_server, running

__all__ = ["db", "provider_server", "running"]
