"""What every page of the back office has in common: bounded lists, hardened searches, rights."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import InvalidPage, Page, Paginator
from django.db import DataError, OperationalError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin, TabularInline
from unfold.views import ChangeList

# Nobody reads further: a filter finds it. Each page costs as much as all before it.
LAST_PAGE = 200


class CountlessPaginator(Paginator):
    """Pages of a table that is never counted: one row beyond the page says whether another follows."""

    template_name = "saldo/pagination.html"
    wanted = 1

    @cached_property
    def window(self) -> list[Any]:
        start = (self.wanted - 1) * self.per_page
        return list(self.object_list[start : start + self.per_page + 1])

    @cached_property
    def count(self) -> int:
        """How many rows there are at least."""
        return (self.wanted - 1) * self.per_page + len(self.window)

    def page(self, number: int | str) -> "Page[Any]":
        number = self.validate_number(number)
        if number != self.wanted:
            raise InvalidPage("Another page was read.")
        return Page(self.window[: self.per_page], number, self)


class BoundedList(ChangeList):
    """Django's list without its counting."""

    def get_results(self, request: HttpRequest) -> None:
        self.paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        try:
            self.result_list = self.paginator.page(self.page_num).object_list
        except InvalidPage as refusal:
            raise IncorrectLookupParameters from refusal
        self.result_count = self.full_result_count = self.paginator.count
        self.show_full_result_count = False
        self.show_admin_actions = bool(self.result_list)
        self.can_show_all = False
        self.multi_page = self.paginator.num_pages > 1


class StaffPage(ModelAdmin):
    """A list and a page per row. What its search box understands is said by `search`."""

    paginator = CountlessPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count whole tables
    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True

    def search(self, term: str) -> Q:
        """The rows a search means. Asked only where `search_fields` names something, which shows the box."""
        raise NotImplementedError

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        paginator = super().get_paginator(request, *args, **kwargs)
        asked = request.GET.get("p") or request.GET.get("page") or "1"
        if asked.isascii() and asked.isdigit():
            paginator.wanted = min(max(int(asked[:9]), 1), LAST_PAGE)
        return paginator

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        term = search_term.strip()
        searched = bool(term and self.search_fields)
        return (queryset.filter(self.search(term)) if searched else queryset), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        return None if "\0" in object_id else super().get_object(request, object_id, from_field)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            return super().changelist_view(request, extra_context)
        except DataError:
            return HttpResponseRedirect(f"{request.path}?e=1")
        except OperationalError:
            # The statement timeout cut a search without an index short.
            if not request.GET:
                raise
            self.message_user(request, "That took too long. Narrow it by customer or by day.", messages.WARNING)
            return HttpResponseRedirect(request.path)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May this person use the dialogs here? Whoever holds Django's right to change such rows."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class ReadOnlyPage(StaffPage):
    """Rows that nobody edits: they move by services alone."""

    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields or [name for _, options in self.fieldsets for name in options["fields"]]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        label, name = self.opts.app_label, self.opts.model_name
        return request.user.has_perm(f"{label}.view_{name}") or request.user.has_perm(f"{label}.change_{name}")


class ReadOnlyRows(TabularInline):
    """Rows of another table on a page, to look at."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    hide_title = True
    per_page = 20

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        label, name = self.opts.app_label, self.opts.model_name
        return request.user.has_perm(f"{label}.view_{name}") or request.user.has_perm(f"{label}.change_{name}")
