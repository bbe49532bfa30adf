"""URL roots. Everything of a workspace is under /w/<slug>/ (apps.accounts.middleware.WorkspaceMiddleware)."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("health/", include("apps.core.urls")),
    path("", include("apps.accounts.urls")),
    path(
        "w/<slug:workspace>/",
        include(
            [
                path("", include("apps.catalog.urls")),
                path("", include("apps.external_models.urls")),
                path("", include("apps.accounts.api_urls")),
                path("", include("apps.connections.urls")),
                path("", include("apps.traces.urls")),
                path("", include("apps.traces.model_urls")),
                path("", include("apps.traces.capture_urls")),
                path("", include("apps.usage.budget_urls")),
                path("", include("apps.inference.urls")),
                path("", include("apps.onboarding.urls")),
                path("", include("apps.playground.urls")),
            ]
        ),
    ),
    path("api/", include("apps.api.urls")),
    path(settings.ADMIN_PATH, admin.site.urls),
]

handler400 = "apps.accounts.errors.bad_request"
handler403 = "apps.accounts.errors.forbidden"
handler404 = "apps.accounts.errors.not_found"
handler500 = "apps.accounts.errors.server_error"
