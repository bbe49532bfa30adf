from importlib import import_module

from django.apps import AppConfig


class PlaygroundConfig(AppConfig):
    name = "apps.playground"

    def ready(self) -> None:
        import_module("apps.playground.runs")  # has chores
