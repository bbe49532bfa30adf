from django.urls import path

from apps.api import views

app_name = "api"

urlpatterns = [
    path("prompts/<uuid:prompt_id>/run", views.prompt_run, name="prompt_run"),
    path("<path:rest>", views.nothing_here, name="nothing_here"),
]
