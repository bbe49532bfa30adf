from django.urls import path

from apps.traces import capture_views

app_name = "capture"

urlpatterns = [
    path("settings/traces/", capture_views.capture_settings, name="settings"),
]
