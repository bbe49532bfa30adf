from django.urls import path

from apps.inference import profile_views, rotate_views, views

app_name = "inference"

PROFILES = "settings/authorization-profiles"

urlpatterns = [
    path(f"{PROFILES}/<uuid:profile_id>/callback/", profile_views.profile_callback, name="profile_callback"),
    path(f"{PROFILES}/<uuid:profile_id>/test/", profile_views.profile_test, name="profile_test"),
    path(f"{PROFILES}/<uuid:profile_id>/consent/", profile_views.profile_consent, name="profile_consent"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/test/", views.test_connection, name="test_connection"),
    path("models/<uuid:model_id>/connections/<uuid:connection_id>/rotate/", rotate_views.rotate, name="rotate_key"),
]
