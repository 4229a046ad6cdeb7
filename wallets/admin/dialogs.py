"""Dialogs: what staff do to a row is asked for in a form, posted, done by a service, and logged with who and why.

Nothing happens on GET. A refusal is shown in the dialog itself, so that nobody types twice.
"""

import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import cached_property
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.errors import DomainError, InvalidInput
from wallets.admin.look import digits
from wallets.models import Transaction, Wallet

MONEY = re.compile(r"\A[+-]?[0-9]{1,14}(\.[0-9]{1,6})?\Z")
SAYS_AMOUNT = ("required", "available", "refundable", "remaining")


class AmountField(forms.DecimalField):
    """Money as a person types it: ASCII digits, at most 6 places, commas between thousands are forgiven."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=20, decimal_places=6, **options)
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]
        text = re.sub(r",(?=[0-9]{3}(?![0-9]))", "", str(value).strip()) if value not in self.empty_values else ""
        if text and not MONEY.match(text):
            raise forms.ValidationError("A number with at most 6 decimal places, such as 12.50.")
        return super().to_python(text)


class Dialog(BaseDialogForm):
    """A form in a dialog about one row. `about` says what the person must know before deciding."""

    form_before_template = "saldo/dialog_facts.html"
    model: type[Model] | None = None

    @cached_property
    def row(self) -> Any:
        """The row the dialog is about; None where there is none, and in a dialog that shows nothing of it."""
        if self.model is None or self.object_id is None:
            return None
        try:
            return self.model._default_manager.get(pk=self.object_id)
        except (ObjectDoesNotExist, ValueError, TypeError):
            return None

    def about(self) -> list[tuple[str, Any]]:
        return []

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"facts": self.about() if self.row is not None else [], "form": self}


class ReasonDialog(Dialog):
    """Asks why; the log keeps it."""

    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="For the staff log. No phone numbers, no message texts.",
    )


class OnceDialog(ReasonDialog):
    """Moves money once, however often it is sent: `nonce` was made when it was opened, and names the movement."""

    nonce = forms.UUIDField(widget=forms.HiddenInput, required=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["nonce"].initial = uuid.uuid4


def once(
    wallet_id: int, reference: str, move: Callable[[], Transaction], log: Callable[[Transaction], object]
) -> Transaction:
    """Call `move`, and `log` unless `reference` was posted before: both in one commit, or neither.

    The wallet is locked first, so that a second submit waits here for the first one's commit.
    """
    with transaction.atomic():
        Wallet.objects.select_for_update(no_key=True, of=("self",)).get(pk=wallet_id)
        before = Transaction.objects.filter(reference=reference).exists()
        posted = move()
        if not before:
            log(posted)
    return posted


def dialog(
    title: str,
    form: type[Dialog],
    *,
    submit: str,
    explain: str = "",
    permission: str = "act",
    icon: str | None = None,
    variant: ActionVariant = ActionVariant.DEFAULT,
    on_list: bool = False,
) -> Callable[[Callable[..., str]], Any]:
    """A dialog action. The method does it and returns what to tell; its DomainError is shown in the dialog."""
    shown = {"title": title, "description": explain, "form_class": form, "form_submit_text": submit}

    def decorate(act: Callable[..., str]) -> Any:
        @wraps(act)
        def run(page: Any, request: HttpRequest, filled: Dialog, object_id: str | None = None) -> HttpResponse:
            row = None if on_list else page.get_object(request, object_id)
            if row is None and not on_list:
                raise Http404
            try:
                told = act(page, request, filled) if on_list else act(page, request, filled, row)
            except DomainError as refusal:
                for complaint in complaints(refusal):
                    filled.add_error(None, complaint)
                context = {"dialog": shown, "form": filled, "form_submit_text": submit}
                return render(request, "unfold/helpers/dialog.html", context)
            page.message_user(request, told, messages.SUCCESS)
            return leave(request, back_to(page, row))

        words = title.rstrip("?")
        return action(
            description=words, permissions=[permission], icon=icon, variant=variant, dialog=shown,
            url_path=act.__name__.replace("_", "-"),
        )(run)  # fmt: skip

    return decorate


def complaints(refusal: DomainError) -> list[str]:
    """Why not, in sentences."""
    if isinstance(refusal, InvalidInput):
        return [text for texts in refusal.errors.values() for text in texts]
    return [sentence(refusal)]


def sentence(refusal: DomainError) -> str:
    """What is wrong, with the amounts that say by how much."""
    currency = refusal.facts.get("currency", "")
    amounts = [
        f"{name} {digits(refusal.facts[name])} {currency}".strip()
        for name in SAYS_AMOUNT
        if isinstance(refusal.facts.get(name), Decimal)
    ]
    return f"{refusal.message.rstrip('.')}: {', '.join(amounts)}." if amounts else refusal.message


def back_to(page: Any, row: Model | None) -> str:
    name = f"admin:{page.opts.app_label}_{page.opts.model_name}"
    return reverse(f"{name}_changelist") if row is None else reverse(f"{name}_change", args=[row.pk])


def leave(request: HttpRequest, url: str) -> HttpResponse:
    """Close a dialog: it was posted by HTMX, which swallows an ordinary redirect."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
