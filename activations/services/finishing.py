"""The customer has the code and is done with the number."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from activations.errors import ActivationNotReceived
from activations.models import Activation
from activations.services import numbers

Status = Activation.Status


def finish(*, activation: Activation) -> Activation:
    """End a rental that got its SMS: no more are taken for it, and the number goes back. No money moves.

    Finishing again changes nothing. Raises ActivationNotReceived where no SMS has come.
    """
    finished = _end(activation.pk)
    if finished.due_at is not None:
        numbers.return_number(finished)
    return finished


@transaction.atomic
def _end(activation_id: int) -> Activation:
    locked = Activation.objects.locked().select_related("service", "country").get(pk=activation_id)
    if locked.status not in Activation.EARNED:
        raise ActivationNotReceived(id=locked.pk)
    if locked.status == Status.RECEIVED:
        now = timezone.now()
        locked.status = Status.FINISHED
        locked.closed_at = now
        # Whoever ends it may die before the number is back: then a tick returns it.
        locked.due_at = now + timedelta(seconds=numbers.claim_seconds())
        locked.attempts = 0
        locked.save(update_fields=["status", "closed_at", "due_at", "attempts"])
    return locked
