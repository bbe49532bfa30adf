from django.urls import path

from apps.catalog import views

app_name = "catalog"

urlpatterns = [
    path("models/supported/", views.catalog_list, name="catalog_list"),
]
