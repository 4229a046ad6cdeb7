"""The demo world's senders, templates and prices. Development only; repeating it only adds what is missing."""

from decimal import Decimal

from django.db import transaction

from catalog.models import NotificationProduct
from catalog.services.notifications import create_notification_product
from catalog.services.prices import set_price
from notifications.models import Channel, MessageTemplate, Route, Sender
from notifications.providers import SANDBOX
from notifications.services import approve, approve_sender, create_template, request_sender, submit
from wallets.models import Customer

ACTOR = "task:demo"
# The carriers that SMSGIC's clients choose by name.
CARRIERS = ("infobip", "twilio", "messente", "trumpia")
HOUSE_SENDERS = ((Channel.WHATSAPP, "+12025550100"), (Channel.SMS, "INFO"), (Channel.EMAIL, "info@example.com"))
Category = NotificationProduct.Category
# NGN per message: believable, and for one-time passwords as the reference prints it.
PRICES = {Category.UTILITY: Decimal(20), Category.MARKETING: Decimal(75), Category.AUTHENTICATION: Decimal(20)}
COST = Decimal("0.004")
CODE_BODY = "Your verification code is {{1}}. Do not share it with anyone."
DRAFT_BODY = "Your order has been shipped and arrives tomorrow."


@transaction.atomic
def ensure_notification_world() -> None:
    """Prices of every category, house senders and carriers' names, all of them carried by the sandbox."""
    for category, amount in PRICES.items():
        product = NotificationProduct.objects.filter(category=category).first()
        if product is None:
            product = create_notification_product(category=category, cost=COST, cost_currency="USD")
            set_price(product=product.pk, amount=amount, currency="NGN", note="Demo catalogue", actor=ACTOR)
    for channel, address in HOUSE_SENDERS:
        sender = request_sender(customer_id=None, channel=channel, address=address)
        if sender.status == Sender.Status.REQUESTED:
            approve_sender(sender=sender, provider=SANDBOX, actor=ACTOR)
    for name in CARRIERS:
        Route.objects.get_or_create(channel=Channel.SMS, name=name, defaults={"provider": SANDBOX})


def ensure_approved_template(customer: Customer) -> int:
    """The number of the customer's approved template of a one-time password."""
    template = _ensure(customer, "verification_code", Category.AUTHENTICATION, CODE_BODY, {"1": "123456"})
    if template.in_force is None:
        approve(version=submit(template=template), actor=ACTOR)
    return template.pk


def ensure_draft_template(customer: Customer) -> int:
    """The number of the customer's template that was never submitted."""
    return _ensure(customer, "order_shipped", Category.UTILITY, DRAFT_BODY, {}).pk


def _ensure(customer: Customer, name: str, category: str, body: str, examples: dict[str, str]) -> MessageTemplate:
    found = MessageTemplate.objects.filter(
        customer=customer, channel=Channel.WHATSAPP, name=name, language="en"
    ).first()  # fmt: skip
    return found or create_template(
        customer_id=customer.pk, name=name, language="en", category=category, body=body, examples=examples
    )
