from importlib import import_module

from django.apps import AppConfig
from django.core import checks


class TracesConfig(AppConfig):
    name = "apps.traces"

    def ready(self) -> None:
        import_module("apps.traces.background")
        checks.register(import_module("apps.traces.otlp").is_installed)
