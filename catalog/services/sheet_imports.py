"""Sheets that staff confirmed, imported by a tick: no request waits for tens of thousands of lines."""

import structlog
from django.db import OperationalError, transaction
from django.utils import timezone

from catalog.errors import SheetImported
from catalog.models import RateSheet
from catalog.services.rate_sheets import import_sheet
from config.errors import DomainError

log = structlog.get_logger(__name__)


@transaction.atomic
def want_import(*, sheet: RateSheet, fingerprint: str, actor: str) -> RateSheet:
    """Let what the preview with this `fingerprint` showed be imported soon, by a tick: a long sheet takes its time.

    Repeating it changes nothing. Raises SheetImported where it was done before.
    """
    sheet = RateSheet.objects.select_for_update(of=("self",)).get(pk=sheet.pk)
    if sheet.imported_at is not None:
        raise SheetImported
    if sheet.wanted_at is None:
        sheet.wanted_at, sheet.wanted_by, sheet.fingerprint = timezone.now(), actor, fingerprint[:64]
        sheet.refusal = ""
        sheet.save(update_fields=["wanted_at", "wanted_by", "fingerprint", "refusal"])
    return sheet


def import_wanted() -> int:
    """Import the sheets that wait for it, first come, first served; returns how many came to an end, also by a refusal.

    Safe to run twice at once, and to be killed: a sheet is imported in one transaction, or waits on.
    """
    ended = 0
    while _import_next():
        ended += 1
    return ended


@transaction.atomic
def _import_next() -> bool:
    waiting = RateSheet.objects.select_for_update(of=("self",), skip_locked=True).filter(wanted_at__isnull=False)
    sheet = waiting.order_by("wanted_at").first()
    if sheet is None:
        return False
    refusal = _try(sheet)
    if refusal:
        log.warning("rate sheet not imported", sheet=sheet.pk, why=refusal)
        RateSheet.objects.filter(pk=sheet.pk).update(wanted_at=None, refusal=refusal[:200])
    return True


def _try(sheet: RateSheet) -> str:
    """Import it; returns why not, or ""."""
    try:
        import_sheet(sheet=sheet, fingerprint=sheet.fingerprint, actor=sheet.wanted_by)
    except DomainError as refusal:
        return refusal.message
    except OperationalError:
        raise  # the database is away or busy: it waits on
    except Exception:
        log.exception("rate sheet could not be imported", sheet=sheet.pk)
        return "It could not be imported: the log says why."
    return ""
