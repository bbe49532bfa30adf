"""What the pages of models ask of traces by address, because they lie in layers below."""

from django.urls import path

from apps.traces import model_views

app_name = "model_traces"

urlpatterns = [
    path("models/requests/", model_views.requests, name="requests"),
    path("models/<uuid:model_id>/activity/", model_views.activity, name="activity"),
    path("models/<uuid:model_id>/programs/", model_views.programs, name="programs"),
    path("models/<uuid:model_id>/signal-path/", model_views.signal_path, name="signal_path"),
]
