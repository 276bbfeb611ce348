"""What staff allow single people: other quotas than everybody's, and to sign up at all."""

from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from classifier.accounts import signing_up
from classifier.admin.lists import Quick
from classifier.intake import quotas
from classifier.models import Allowance, Invitation


@admin.register(Allowance)
class AllowanceAdmin(Quick):
    list_display = ("owner", "uploads_per_hour", "storage_mb", "used", "note")
    list_select_related = ("owner",)
    search_fields = ("owner__username", "owner__email")
    autocomplete_fields = ("owner",)
    readonly_fields = ("used",)

    @admin.display(description="Used now")
    def used(self, allowance: Allowance) -> str:
        return quotas.room_of(allowance.owner).in_words if allowance.pk else "–"


@admin.register(Invitation)
class InvitationAdmin(Quick):
    """Where SIGNUP is `invited`, the link of each lets one person create an account."""

    view_on_site = False  # the link is for somebody else
    list_display = ("__str__", "state", "by", "created_at", "expires_at", "used_by")
    list_select_related = ("by", "used_by")
    search_fields = ("email", "used_by__username")
    readonly_fields = ("link", "state", "by", "created_at", "used_by", "used_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return ["email", "expires_at", *(self.readonly_fields if obj else [])]

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        if not change:
            obj.by = cast(User, request.user)
        super().save_model(request, obj, form, change)
        if not change and obj.email and settings.EMAIL_IS_SENT:
            sent = signing_up.send(obj, request.build_absolute_uri(obj.get_absolute_url()))
            said = f"The link was sent to {obj.email}." if sent else "The email could not be sent; copy the link."
            messages.add_message(request, messages.SUCCESS if sent else messages.WARNING, said)

    def response_add(self, request: HttpRequest, obj: Invitation, post_url_continue: Any = None) -> HttpResponse:
        """To the page with the link, which is what the invitation was made for."""
        return redirect(reverse("admin:classifier_invitation_change", args=[obj.pk]))

    def get_queryset(self, request: HttpRequest) -> Any:
        self.site = request.build_absolute_uri("/")[:-1]
        return super().get_queryset(request)

    @admin.display(description="Link to send")
    def link(self, invitation: Invitation) -> SafeString | str:
        if self.state(invitation) != "open":
            return "–"
        return format_html("<code>{}{}</code>", self.site, invitation.get_absolute_url())

    @admin.display(description="State")
    def state(self, invitation: Invitation) -> str:
        if invitation.used_at:
            return "used"
        return "open" if invitation.expires_at > timezone.now() else "expired"
