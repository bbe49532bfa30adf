"""API apps and keys, inside a workspace."""

from django.urls import path

from apps.accounts import api_views

app_name = "api_apps"

APPS = "settings/api-apps"

urlpatterns = [
    path(f"{APPS}/", api_views.app_list, name="app_list"),
    path(f"{APPS}/new/", api_views.app_new, name="app_new"),
    path(f"{APPS}/<uuid:app_id>/", api_views.app_edit, name="app_edit"),
    path(f"{APPS}/<uuid:app_id>/delete/", api_views.app_delete, name="app_delete"),
    path(f"{APPS}/<uuid:app_id>/keys/new/", api_views.key_new, name="key_new"),
    path(f"{APPS}/<uuid:app_id>/keys/<slug:key_id>/", api_views.key_edit, name="key_edit"),
    path(f"{APPS}/<uuid:app_id>/keys/<slug:key_id>/revoke/", api_views.key_revoke, name="key_revoke"),
]
