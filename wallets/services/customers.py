"""What staff decide about a customer."""

from django.db import transaction

from wallets.models import Customer


@transaction.atomic
def set_customer_status(*, customer: Customer, status: str) -> bool:
    """Let a customer spend (`active`), or look only (`suspended`), or not even that (`closed`).

    True when that changed something; repeating it does not. Open orders go on: what is held for them is theirs.
    """
    locked = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    changed = locked.status != Customer.Status(status)
    locked.status = Customer.Status(status)
    locked.save(update_fields=["status"])
    return changed
