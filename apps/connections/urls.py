from django.urls import path

from apps.connections import views, whose_key_views

app_name = "connections"

urlpatterns = [
    path("settings/whose-key/", whose_key_views.whose_key, name="whose_key"),
    path("models/<uuid:model_id>/", views.connection_list, name="connection_list"),
    path("models/<uuid:model_id>/connections/add/", views.add_connection, name="add_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/edit/", views.edit_connection, name="edit_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/inferencing/", views.switch_connection, name="switch_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/delete/", views.delete_connection, name="delete_connection"),
]
