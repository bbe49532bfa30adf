from django.urls import path

from apps.connections import profile_views, views, whose_key_views

app_name = "connections"

PROFILES = "settings/authorization-profiles"

urlpatterns = [
    path(f"{PROFILES}/", profile_views.profile_list, name="profile_list"),
    path(f"{PROFILES}/add/", profile_views.profile_add, name="profile_add"),
    path(f"{PROFILES}/<uuid:profile_id>/", profile_views.profile_edit, name="profile_edit"),
    path(f"{PROFILES}/<uuid:profile_id>/delete/", profile_views.profile_delete, name="profile_delete"),
    path("settings/whose-key/", whose_key_views.whose_key, name="whose_key"),
    path("models/<uuid:model_id>/", views.connection_list, name="connection_list"),
    path("models/<uuid:model_id>/connections/add/", views.add_connection, name="add_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/edit/", views.edit_connection, name="edit_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/inferencing/", views.switch_connection, name="switch_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/delete/", views.delete_connection, name="delete_connection"),
]
