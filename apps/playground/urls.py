from django.urls import path

from apps.playground import lane_views, prompt_views, views

app_name = "playground"

urlpatterns = [
    path("playground/", views.page, name="page"),
    path("playground/edit/", views.edit, name="edit"),
    path("playground/run/", views.run, name="run"),
    path("playground/code/", views.code, name="code"),
    path("playground/switch/", views.switch_on, name="switch_on"),
    path("playground/save/", prompt_views.save, name="save"),
    path("playground/runs/<uuid:run_id>/<int:number>/", lane_views.lane, name="lane"),
    path("playground/runs/<uuid:run_id>/<int:number>/stream/", lane_views.lane_stream, name="lane_stream"),
    path("playground/runs/<uuid:run_id>/<int:number>/stop/", lane_views.lane_stop, name="lane_stop"),
    path("prompts/", prompt_views.prompt_list, name="prompt_list"),
    path("prompts/<uuid:prompt_id>/", prompt_views.prompt, name="prompt"),
    path("prompts/<uuid:prompt_id>/compare/", prompt_views.prompt_compare, name="prompt_compare"),
    path("prompts/<uuid:prompt_id>/restore/", prompt_views.prompt_restore, name="prompt_restore"),
    path("prompts/<uuid:prompt_id>/rename/", prompt_views.prompt_rename, name="prompt_rename"),
    path("prompts/<uuid:prompt_id>/delete/", prompt_views.prompt_delete, name="prompt_delete"),
]
