from django.urls import path

from apps.onboarding import easy_views, editing, import_views, views, wizard
from apps.onboarding.bedrock_urls import BEDROCK_URLS

app_name = "onboarding"

urlpatterns = [
    path("models/new/custom/", views.custom_new, name="custom_new"),
    path("models/new/custom/curl/", import_views.paste_curl, name="paste_curl"),
    path("models/new/custom/openapi/", import_views.import_openapi, name="import_openapi"),
    path("models/custom/import/undo/", import_views.undo_import, name="undo_import"),
    path("models/new/", wizard.add_model, name="add_model"),
    path("models/new/easy/", wizard.choose_provider, name="easy_provider"),
    path("models/new/easy/<slug:provider>/", wizard.choose_model, name="easy_model"),
    path("models/new/easy/<slug:provider>/credentials/", easy_views.credentials, name="easy_credentials"),
    path("models/<uuid:model_id>/edit/", editing.edit, name="edit"),
    path("models/<uuid:model_id>/edit/custom/", views.custom_edit, name="custom_edit"),
    path("models/<uuid:model_id>/edit/easy/", editing.easy_edit, name="easy_edit"),
    path("models/custom/save/", views.save, name="save"),
    path("models/custom/sample/", views.sample, name="sample"),
    path("models/custom/test/", views.test, name="test"),
    path("models/custom/preview/", views.preview, name="preview"),
    path("models/custom/pick/", views.pick, name="pick"),
    path("models/custom/address/", views.address, name="address"),
    path("models/custom/configure/", views.configure, name="configure"),
    path("models/custom/variable/", views.variable_dialog, name="variable_dialog"),
    path("models/custom/variable/save/", views.variable_save, name="variable_save"),
    path("models/custom/variable/remove/", views.variable_remove, name="variable_remove"),
    path("models/custom/variable/toggle/", views.variable_toggle, name="variable_toggle"),
    *BEDROCK_URLS,
]
