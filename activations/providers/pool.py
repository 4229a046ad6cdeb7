"""The operator's own numbers, leased one order at a time."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, IntegerField, OuterRef, QuerySet, Value, When
from django.utils import timezone

from activations.models import PoolLease, PoolNumber
from activations.providers.base import GivenNumber, NumberRequest, ProviderError, ReceivedText


class PoolProvider:
    """Stock is real: what can be leased now. SMS arrive by themselves, through the carrier's webhook."""

    name = "pool"

    def order(self, request: NumberRequest, *, deadline_seconds: float) -> GivenNumber:
        again = self.find(request.reference, deadline_seconds=deadline_seconds)
        return again or self._lease(request)

    def find(self, reference: str, *, deadline_seconds: float) -> GivenNumber | None:
        lease = PoolLease.objects.select_related("number").filter(reference=reference).first()
        return GivenNumber(id=str(lease.pk), phone=lease.number.phone) if lease else None

    def texts(self, number_id: str, *, deadline_seconds: float) -> list[ReceivedText]:
        return []

    @transaction.atomic
    def give_back(self, number_id: str, *, deadline_seconds: float) -> None:
        lease = PoolLease.objects.select_for_update(no_key=True, of=("self",)).get(pk=number_id)
        if lease.ended_at is not None:
            return
        now = timezone.now()
        PoolLease.objects.filter(pk=lease.pk).update(ended_at=now)
        PoolNumber.objects.filter(pk=lease.number_id).update(free_from=now + timedelta(days=settings.QUARANTINE_DAYS))

    @transaction.atomic
    def _lease(self, request: NumberRequest) -> GivenNumber:
        # SKIP LOCKED: two orders at once take two numbers instead of waiting for one.
        number = (
            free_numbers()
            .filter(country__code=request.country)
            .annotate(preferred=_preference(request))
            .select_for_update(no_key=True, skip_locked=True, of=("self",))
            .order_by("-preferred", "free_from", "id")
            .first()
        )
        if number is None:
            raise ProviderError("no_numbers_available", permanent=False)
        # Looked at again once locked: the lease that freed the row may have been followed by another.
        if PoolLease.objects.filter(number=number, ended_at=None).exists():
            raise ProviderError("no_numbers_available", permanent=False)
        lease = PoolLease.objects.create(number=number, reference=request.reference)
        return GivenNumber(id=str(lease.pk), phone=number.phone)


def free_numbers() -> QuerySet[PoolNumber]:
    """Numbers that can be leased now: switched on, out of quarantine, nobody's."""
    leased = PoolLease.objects.filter(number=OuterRef("pk"), ended_at=None)
    return PoolNumber.objects.filter(~Exists(leased), is_active=True, free_from__lte=timezone.now())


def _preference(request: NumberRequest) -> Case:
    """1 for each wish that a number fulfils: a wish orders the stock, it never empties it."""
    whens = []
    if request.area_code:
        whens.append(When(phone__regex=rf"^\+[0-9]{{0,3}}{request.area_code}", then=Value(1)))
    if request.carrier:
        whens.append(When(operator__name__icontains=request.carrier, then=Value(1)))
    return Case(*whens, default=Value(0), output_field=IntegerField())
