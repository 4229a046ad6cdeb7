"""Running the house: exchange rates, the outbox, scheduled work, and what staff did."""

import json
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from config.numbers import plain
from wallets.admin import finding
from wallets.admin.customers import CurrencyCodeField
from wallets.admin.filters import CustomerFilter, DayFilter, TextIs
from wallets.admin.look import NOTHING, badge, link, moment, order_of, page_of, span
from wallets.admin.pages import ReadOnlyPage
from wallets.models import Event, ExchangeRate, Tick

# A tick may miss this many of its turns before somebody should look.
TURNS = 3


class RateForm(forms.ModelForm):
    base = CurrencyCodeField()
    quote = CurrencyCodeField()

    class Meta:
        model = ExchangeRate
        fields = ("base", "quote", "rate", "effective_at", "source")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("base") and cleaned.get("base") == cleaned.get("quote"):
            self.add_error("quote", "Two different currencies.")
        return cleaned


class BaseFilter(TextIs):
    title = "base currency"
    parameter_name = "base"
    field = "base__iexact"


class QuoteFilter(TextIs):
    title = "quote currency"
    parameter_name = "quote"
    field = "quote__iexact"


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ReadOnlyPage):
    """Added, never changed: what was converted at a rate stays explained by it."""

    form = RateForm
    list_display = ("pair", "shown_rate", "effective", "source")
    list_filter = (BaseFilter, QuoteFilter, ("effective_at", DayFilter))
    fields = ("base", "quote", "rate", "effective_at", "source")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("base", "quote", "shown_rate", "effective", "source") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_readonly_fields(request, obj) or self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("wallets.add_exchangerate")

    @display(description="One unit of")
    def pair(self, rate: ExchangeRate) -> str:
        return f"{rate.base} → {rate.quote}"

    @display(description="Is worth")
    def shown_rate(self, rate: ExchangeRate) -> str:
        return f"{plain(rate.rate):,f} {rate.quote}"

    @display(description="From", ordering="effective_at")
    def effective(self, rate: ExchangeRate) -> str:
        return moment(rate.effective_at)


class EventKindFilter(TextIs):
    title = "kind"
    parameter_name = "kind"
    field = "kind"


@admin.register(Event)
class EventAdmin(ReadOnlyPage):
    list_display = ("number", "created", "kind", "shown_object", "sequence", "shown_customer")
    list_filter = (CustomerFilter, EventKindFilter)
    list_select_related = ("customer",)
    search_fields = ("object_id",)
    search_help_text = "An object (activation:91), a uuid, or a number"
    sortable_by = ()
    fields = (
        "number",
        "uuid",
        "created",
        "kind",
        "shown_object",
        "sequence",
        "shown_customer",
        "shown_payload",
        "erased",
    )

    def search(self, term: str) -> Q:
        kind, _, number = term.replace(" ", ":").partition(":")
        found = finding.number_in(number)
        return Q(object_type=kind, object_id=found) if found is not None else finding.by_number_or_uuid(term)

    @display(description="Event")
    def number(self, event: Event) -> str:
        return f"#{event.pk}"

    @display(description="When")
    def created(self, event: Event) -> str:
        return moment(event.created_at)

    @display(description="About")
    def shown_object(self, event: Event) -> str:
        reference = f"{event.object_type}:{event.object_id}"
        if event.object_type == "wallet":
            return link(page_of("wallets_wallet", event.object_id), f"wallet #{event.object_id}")
        return link(*order_of(reference)) or reference

    @display(description="Customer")
    def shown_customer(self, event: Event) -> str:
        return link(page_of("wallets_customer", event.customer_id), event.customer)

    @display(description="Payload")
    def shown_payload(self, event: Event) -> str:
        return format_html('<pre class="payload">{}</pre>', json.dumps(event.payload, indent=2, ensure_ascii=False))

    @display(description="Personal content is erased after")
    def erased(self, event: Event) -> str:
        return moment(event.erase_after)


def patience(name: str) -> timedelta | None:
    """How long a tick may be silent; None for one that is no longer scheduled."""
    interval = settings.TICKS.get(name)
    return None if interval is None else timedelta(seconds=max(TURNS * interval, settings.QUEUE_STALE_SECONDS))


def overdue(tick: Tick) -> bool:
    """Has it been silent for several of its turns?"""
    limit = patience(tick.name)
    return limit is not None and (tick.finished_at is None or tick.finished_at < timezone.now() - limit)


@admin.register(Tick)
class TickAdmin(ReadOnlyPage):
    """Scheduled work."""

    list_display = ("name", "state", "every", "finished", "took", "asked", "error")
    sortable_by = ()
    fields = ("name", "state", "every", "asked", "finished", "took", "error")

    def state(self, tick: Tick) -> str:
        if tick.name not in settings.TICKS:
            return badge("Retired", "info")
        if overdue(tick):
            return badge("Overdue", "danger")
        return badge("Failed", "danger") if tick.error else badge("On time", "success")

    @display(description="Every")
    def every(self, tick: Tick) -> str:
        interval = settings.TICKS.get(tick.name)
        return NOTHING if interval is None else span(timedelta(seconds=interval))

    @display(description="Last run ended")
    def finished(self, tick: Tick) -> str:
        return moment(tick.finished_at)

    @display(description="Took")
    def took(self, tick: Tick) -> str:
        return NOTHING if tick.duration_seconds is None else f"{tick.duration_seconds:.3f} s"

    @display(description="Last asked for")
    def asked(self, tick: Tick) -> str:
        # 1970: a new one that no worker has seen yet.
        return moment(tick.enqueued_at if tick.enqueued_at.year > 1970 else None)


@admin.register(LogEntry)
class StaffLogAdmin(ReadOnlyPage):
    """Who did what, and why."""

    list_display = ("when", "user", "shown_object", "said")
    list_display_links = None
    list_filter = (("action_time", DayFilter), "action_flag")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email",)
    search_help_text = "A person's e-mail address"
    sortable_by = ()
    fields = ("when", "user", "shown_object", "said")

    def search(self, term: str) -> Q:
        return Q(user__email__icontains=term)

    @display(description="When")
    def when(self, entry: LogEntry) -> str:
        return moment(entry.action_time)

    @display(description="About")
    def shown_object(self, entry: LogEntry) -> str:
        try:
            url = entry.get_admin_url() or ""
        except NoReverseMatch:
            url = ""
        kind = entry.content_type.name if entry.content_type else ""
        return link(url, f"{kind} {entry.object_repr}".strip())

    @display(description="What and why")
    def said(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()
