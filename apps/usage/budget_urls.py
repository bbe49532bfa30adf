"""What pages of layers below ask of budgets by address."""

from django.urls import path

from apps.usage import budget_views

app_name = "budgets"

urlpatterns = [
    path("settings/api-apps/<uuid:app_id>/keys/<slug:key_id>/budget/", budget_views.key_budget, name="key_budget"),
    path("models/<uuid:model_id>/budgets/", budget_views.model_budgets, name="model_budgets"),
]
