from django.apps import AppConfig
from django.core import checks

from apps.core.checks import master_keys
from apps.core.keyring import check_keys


class CoreConfig(AppConfig):
    name = "apps.core"

    def ready(self) -> None:
        # Raises before anything is served: a product that starts without its keys would show every stored secret as lost (A1).
        # That the keys are the right ones for this database is asked by datakeys.check_stored_keys(), once the database may be used.
        check_keys()
        checks.register(master_keys, checks.Tags.security)
