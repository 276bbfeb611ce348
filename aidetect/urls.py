from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from classifier.admin.on_site import on_site
from classifier.admin.overview import drift_view, start_view, status_view

admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # one log-in, with its limits

urlpatterns = [
    path("admin/", admin.site.admin_view(start_view), name="start"),
    path("admin/status/", admin.site.admin_view(status_view), name="status"),
    # Django's own page checks the old password as often as one likes.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/r/<str:content_type_id>/<path:object_id>/", admin.site.admin_view(on_site)),
    path("admin/drift/", admin.site.admin_view(drift_view), name="drift"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("", include("classifier.urls")),
]
