from django.apps import AppConfig


class ExternalModelsConfig(AppConfig):
    name = "apps.external_models"
    verbose_name = "External models"
