"""System checks of core: `manage.py check`."""

from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from apps.core.keyring import check_keys


def master_keys(app_configs: Sequence[AppConfig] | None, **options: object) -> list[CheckMessage]:
    """core.E001: PATCHBAY_SECRET_KEYS is missing, malformed or weak."""
    try:
        check_keys()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="core.E001")]
    return []
