from importlib import import_module

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "apps.inference"
    verbose_name = "Inference"

    def ready(self) -> None:
        import_module("apps.inference.receivers")
