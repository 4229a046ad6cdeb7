"""The operator's own numbers, leased one order at a time."""

from datetime import timedelta
from functools import reduce
from operator import add

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat
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
        number = self._free_number(request)
        # Looked at again once locked: another order may have leased it since the list was made. The
        # next look sees that lease and takes the next number.
        while number.leases.filter(ended_at=None).exists():
            number = self._free_number(request)
        lease = PoolLease.objects.create(number=number, reference=request.reference)
        return GivenNumber(id=str(lease.pk), phone=number.phone)

    def _free_number(self, request: NumberRequest) -> PoolNumber:
        """The best free number, locked. Raises ProviderError."""
        # SKIP LOCKED: two orders at once take two numbers instead of waiting for one.
        number = (
            free_numbers()
            .filter(country__code=request.country)
            .annotate(wishes_fulfilled=_wishes_fulfilled(request))
            .select_for_update(no_key=True, skip_locked=True, of=("self",))
            .order_by("-wishes_fulfilled", "free_from", "id")
            .first()
        )
        if number is None:
            raise ProviderError("no_numbers_available", permanent=False)
        return number


def free_numbers() -> QuerySet[PoolNumber]:
    """Numbers that can be leased now: switched on, out of quarantine, nobody's."""
    leased = PoolLease.objects.filter(number=OuterRef("pk"), ended_at=None)
    return PoolNumber.objects.filter(~Exists(leased), is_active=True, free_from__lte=timezone.now())


def stock_by_country() -> dict[str, int]:
    """How many numbers can be leased now, by country code; countries without any are absent."""
    counted = free_numbers().order_by().values_list("country__code").annotate(count=Count("pk"))
    return dict(counted)


def _wishes_fulfilled(request: NumberRequest) -> Combinable:
    """How many of the wishes a number fulfils: a wish orders the stock, it never empties it."""
    in_area = Concat(Value("+"), F("country__dial_code"), Value(request.area_code))
    wishes = [
        Q(phone__startswith=in_area) if request.area_code else None,
        Q(operator__name__icontains=request.carrier) if request.carrier else None,
    ]
    none: Combinable = Value(0)
    return reduce(add, (Case(When(wish, then=Value(1)), default=Value(0)) for wish in wishes if wish), none)
