"""Staff's view of who may come in. Secrets are shown once, when a key is made, and nowhere else."""

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from knox.models import AuthToken
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from apikeys.forms import KeyForm, RevokeForm, UserAddForm
from apikeys.models import ApiKey, Membership, User
from apikeys.services import keys

admin.site.unregister(Group)
admin.site.unregister(AuthToken)


def staff(request: HttpRequest) -> str:
    """Who acts, in words, for the ledger and the logs."""
    return f"staff:{request.user}"[:80]


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, ModelAdmin):
    pass


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    raw_id_fields = ("customer",)


@admin.register(User)
class UserAdmin(BaseUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        # Whoever may edit users must not be able to make a superuser of one, or of themselves.
        if request.user.is_superuser:
            return self.readonly_fields
        return (*self.readonly_fields, "is_staff", "is_superuser", "groups", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return self._may_touch(request, obj) and super().has_delete_permission(request, obj)

    def _may_touch(self, request: HttpRequest, obj: User | None) -> bool:
        return request.user.is_superuser or not getattr(obj, "is_superuser", False)


KEY_FACTS = ("key_prefix", "status", "last_used_at", "revoked_at", "created_at", "created_by", "pepper_version")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    """Issued by the add form, ended by the revoke dialog; never deleted, because the ledger names them."""

    form = KeyForm
    list_display = ("key_prefix", "name", "customer", "currency", "mode", "shown_status", "last_used_at")
    list_filter = ("mode", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer", "wallet")
    search_fields = ("key_prefix", "name", "customer__name")
    raw_id_fields = ("customer", "wallet")
    actions_detail = ("revoke",)
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return (*KeyForm.Meta.fields, *KEY_FACTS) if obj else KeyForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        return ("customer", "wallet", "mode", *KEY_FACTS) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).defer("digest")

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    @display(description="Currency", ordering="wallet__currency")
    def currency(self, key: ApiKey) -> str:
        return key.wallet.currency

    @display(description="Status", label={"active": "success", "expired": "warning", "revoked": "danger"})
    def shown_status(self, key: ApiKey) -> str:
        return key.status

    def save_model(self, request: HttpRequest, obj: ApiKey, form: KeyForm, change: bool) -> None:
        if change:
            keys.change_key(key=ApiKey.objects.get(pk=obj.pk), actor=staff(request), **form.terms())
            return
        chosen = {name: form.cleaned_data[name] for name in ("customer", "wallet", "mode")}
        key, plain = keys.issue_key(actor=staff(request), **chosen, **form.terms())
        obj.pk = key.pk
        obj.refresh_from_db()
        says = format_html("The key, shown this once: <code>{}</code>", plain)
        self.message_user(request, says, messages.WARNING)

    @action(
        description="Revoke",
        permissions=["change"],
        url_path="revoke",
        dialog={
            "title": "Revoke this key?",
            "description": "Whoever uses it is refused from now on. This cannot be undone.",
            "form_class": RevokeForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        key = get_object_or_404(ApiKey, pk=object_id)
        keys.revoke_key(key=key, actor=staff(request))
        self.log_change(request, key, f"Revoked: {form.cleaned_data['reason']}")
        self.message_user(request, f"{key} is revoked.", messages.SUCCESS)
        return _to(request, reverse("admin:apikeys_apikey_change", args=[key.pk]))


def _to(request: HttpRequest, url: str) -> HttpResponse:
    """Leave a dialog: it was posted by HTMX, which swallows an ordinary redirect."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
