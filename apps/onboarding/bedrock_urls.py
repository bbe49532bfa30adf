"""The URLs of *Amazon Bedrock*: its own, and those of the integration page's views for this page."""

from django.urls import URLPattern, path

from apps.onboarding import bedrock_views, views
from apps.onboarding.bedrock_page import BedrockPage

PAGE = {"page": BedrockPage}

BEDROCK_URLS: list[URLPattern] = [
    path("models/new/bedrock/", bedrock_views.bedrock_new, name="bedrock_new"),
    path("models/bedrock/model/", bedrock_views.bedrock_model, name="bedrock_model"),
    path("models/bedrock/role/", bedrock_views.bedrock_role, name="bedrock_role"),
    path("models/bedrock/role/register/", bedrock_views.bedrock_register, name="bedrock_register"),
    path(
        "models/<uuid:model_id>/connections/<uuid:connection_id>/register-role/",
        bedrock_views.bedrock_register_connection,
        name="bedrock_register_connection",
    ),
    path("models/bedrock/save/", views.save, PAGE, name="bedrock_save"),
    path("models/bedrock/sample/", views.sample, PAGE, name="bedrock_sample"),
    path("models/bedrock/test/", views.test, PAGE, name="bedrock_test"),
    path("models/bedrock/preview/", views.preview, PAGE, name="bedrock_preview"),
    path("models/bedrock/pick/", views.pick, PAGE, name="bedrock_pick"),
    path("models/bedrock/variable/", views.variable_dialog, PAGE, name="bedrock_variable_dialog"),
    path("models/bedrock/variable/save/", views.variable_save, PAGE, name="bedrock_variable_save"),
    path("models/bedrock/variable/remove/", views.variable_remove, PAGE, name="bedrock_variable_remove"),
    path("models/bedrock/variable/toggle/", views.variable_toggle, PAGE, name="bedrock_variable_toggle"),
]
