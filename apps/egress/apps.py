from django.apps import AppConfig


class EgressConfig(AppConfig):
    name = "apps.egress"
