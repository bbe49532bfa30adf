from django.urls import path

from apps.external_models import views

app_name = "external_models"

urlpatterns = [
    path("models/", views.model_list, name="model_list"),
    path("models/example/", views.example, name="example"),
    path("models/<uuid:model_id>/definition/", views.definition, name="definition"),
    path("models/<uuid:model_id>/time-limits/", views.time_limits, name="time_limits"),
    path("models/<uuid:model_id>/audit/", views.model_audit, name="model_audit"),
    path("models/<uuid:model_id>/inferencing/", views.switch_inferencing, name="switch_inferencing"),
    path("models/<uuid:model_id>/copy/", views.copy_model, name="copy_model"),
    path("models/<uuid:model_id>/delete/", views.delete_model, name="delete_model"),
]
