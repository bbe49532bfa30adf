from django.urls import path

from apps.inference import rotate_views, views

app_name = "inference"

urlpatterns = [
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/test/", views.test_connection, name="test_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/rotate/", rotate_views.rotate, name="rotate_key"),
]
