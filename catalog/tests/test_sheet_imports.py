"""Sheets that wait to be imported: once, whole, by whichever tick comes first; a refusal is told to staff."""

import threading
from decimal import Decimal

import pytest
from django.db import OperationalError, connections

from catalog.errors import SheetImported
from catalog.models import Price, RateSheet
from catalog.services import sheet_imports
from catalog.services.prices import set_price
from catalog.services.rate_sheets import plan_of
from catalog.services.sheet_imports import import_wanted, want_import
from catalog.tests.factories import make_destination
from catalog.tests.test_rate_sheets import sheet_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def telenor():
    return make_destination("DK", mcc="238", mnc="02", operator="Telenor", prefixes=["4530"], price="0.04")


def wanted(price="0.05") -> RateSheet:
    sheet = sheet_of(f"DK,238,02,,,{price},USD,,,")
    return want_import(sheet=sheet, fingerprint=plan_of(sheet).fingerprint, actor="staff:ann")


def test_it_is_imported_by_who_wanted_it_and_once(telenor):
    sheet = wanted()
    assert [import_wanted(), import_wanted()] == [1, 0]
    sheet.refresh_from_db()
    assert (sheet.imported_by, sheet.changed, sheet.wanted_at) == ("staff:ann", 1, None)
    with pytest.raises(SheetImported):
        want_import(sheet=sheet, fingerprint="x", actor="staff:bob")


def test_what_changed_meanwhile_is_told_and_may_be_wanted_again(telenor):
    sheet = wanted()
    set_price(product=telenor.pk, amount=Decimal("0.07"), currency="USD")
    import_wanted()
    sheet.refresh_from_db()
    assert (sheet.imported_at, sheet.wanted_at, "changed since" in sheet.refusal) == (None, None, True)
    want_import(sheet=sheet, fingerprint=plan_of(sheet).fingerprint, actor="staff:ann")
    import_wanted()
    sheet.refresh_from_db()
    assert (sheet.refusal, sheet.imported_at is not None) == ("", True)


def test_one_that_breaks_keeps_no_other_waiting(telenor, monkeypatch):
    broken, fine = wanted(), wanted()
    first = sheet_imports.import_sheet

    def import_sheet(*, sheet, **facts):
        if sheet.pk == broken.pk:
            raise RuntimeError
        return first(sheet=sheet, **facts)

    monkeypatch.setattr(sheet_imports, "import_sheet", import_sheet)
    assert import_wanted() == 2
    for sheet in (broken, fine):
        sheet.refresh_from_db()
    assert (broken.imported_at, broken.wanted_at, fine.imported_at is not None) == (None, None, True)
    assert "the log says why" in broken.refusal


def test_while_the_database_is_away_it_waits_on(telenor, monkeypatch):
    sheet = wanted()

    def away(**_):
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(sheet_imports, "import_sheet", away)
        with pytest.raises(OperationalError):
            import_wanted()
    assert import_wanted() == 1
    sheet.refresh_from_db()
    assert sheet.imported_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_import_it_once(telenor):
    wanted()
    before, counts = Price.objects.count(), []

    def tick() -> None:
        counts.append(import_wanted())
        connections.close_all()

    ticks = [threading.Thread(target=tick) for _ in range(2)]
    for each in ticks:
        each.start()
    for each in ticks:
        each.join(60)
    assert (sorted(counts), Price.objects.count() - before) == ([0, 1], 1)
