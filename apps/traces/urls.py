from django.urls import path

from apps.traces import export_views, views

app_name = "traces"

urlpatterns = [
    path("traces/", views.trace_list, name="trace_list"),
    path("traces/columns/", views.choose_columns, name="choose_columns"),
    path("traces/export/", export_views.trace_export, name="export"),
    path("traces/<uuid:trace_id>/", views.trace_detail, name="trace_detail"),
]
