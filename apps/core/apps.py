from django.apps import AppConfig
from django.core import checks

from apps.core.checks import master_keys
from apps.core.keyring import check_keys


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        # Raises before anything is served: a product that starts without its keys would show every stored secret as lost (A1).
        check_keys()
        checks.register(master_keys, checks.Tags.security)
