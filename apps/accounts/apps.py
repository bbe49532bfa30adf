from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AccountsConfig(AppConfig):
    default = True
    name = "apps.accounts"
    verbose_name = "People and workspaces"

    def ready(self) -> None:
        import_module("apps.accounts.receivers")


class PlatformAdminConfig(admin_apps.AdminConfig):
    """Django admin, for platform staff with a second factor."""

    default = False
    default_site = "apps.accounts.admin_site.PlatformAdminSite"
