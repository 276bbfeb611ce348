"""Authenticator apps and keys of people. Staff see that there is one and may remove it when a phone was lost; the
secret itself, which allauth's own page shows, is nobody's business."""

from typing import Any

from allauth.mfa import admin as allauths
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.http import HttpRequest

from classifier.admin.lists import Quick

admin.site.unregister(allauths.Authenticator)


@admin.register(Authenticator)
class SecondFactorAdmin(Quick):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email")
    fields = ("user", "type", "created_at", "last_used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
