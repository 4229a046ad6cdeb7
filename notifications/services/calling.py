"""Calling a provider with messages: all at once where it can, else some at the same time."""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from django.conf import settings

from notifications.models import Message
from notifications.providers import OutcomeUnknown, ProviderError, SendRequest, provider_for
from notifications.providers.base import BatchProvider
from notifications.services import at_once
from notifications.services.answers import Answer
from notifications.services.suppressions import suppressed_among

log = structlog.get_logger(__name__)

# How many go to a provider that takes many in one call.
BATCH = 500
SUPPRESSED = ProviderError("suppressed", about_recipient=True)


def batch_size(provider: str) -> int:
    """How many messages a provider is called with before its answers are written."""
    return BATCH if _takes_many(provider) else max(settings.PROVIDER_CALLS_AT_ONCE, 1)


def call(provider: str, messages: Sequence[Message]) -> dict[int, Answer]:
    """Hand messages to their provider, outside any transaction; what it said of each, by the message's id.

    Who asked not to be sent to since the message was made is not sent to. A provider's bug is no
    answer: what it did is not known.
    """
    said: dict[int, Answer] = dict.fromkeys(_held_back(messages), SUPPRESSED)
    requests = {message.pk: request_of(message) for message in messages if message.pk not in said}
    if len(requests) > 1 and _takes_many(provider):
        return said | _call_once(provider, requests)
    answers = at_once.each(lambda request: _call_for(provider, request), list(requests.values()))
    return said | dict(zip(requests, answers, strict=True))


def request_of(message: Message) -> SendRequest:
    version, sending = message.version, message.chunk.sending if message.chunk else None
    sender = sending.sender if sending else message.sender  # a sending's messages have its own
    return SendRequest(
        reference=str(message.uuid),
        channel=message.channel,
        sender=sender.address if sender else sending.from_number if sending else "",
        to=message.redirected_to or message.to,
        body=sending.text if sending else message.body,
        called_at=message.called_at or message.created_at,
        template_id=version.provider_template_id if version else "",
        variables=message.variables,
        subject=sending.subject if sending else "",
        from_name=sending.from_name if sending else "",
        reply_to=sending.reply_to if sending else "",
        no_tracking=sending.no_tracking if sending else True,
    )


def _held_back(messages: Sequence[Message]) -> list[int]:
    """Those of sendings whose recipients may not be sent to by now."""
    addresses: dict[tuple[int, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for message in messages:
        if message.chunk_id is not None:
            addresses[message.customer_id, message.channel][message.to].append(message.pk)
    return [
        key
        for (customer, channel), keys in addresses.items()
        for address in suppressed_among(customer_id=customer, channel=channel, addresses=list(keys))
        for key in keys[address]
    ]


def _takes_many(provider: str) -> bool:
    try:
        return isinstance(provider_for(provider), BatchProvider)
    except ProviderError:
        return False


def _call_once(provider: str, requests: dict[int, SendRequest]) -> dict[int, Answer]:
    carrier = provider_for(provider)
    assert isinstance(carrier, BatchProvider)
    try:
        said = carrier.send_many(list(requests.values()), deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
    except ProviderError as refusal:
        return dict.fromkeys(requests, refusal)
    except OutcomeUnknown:
        log.warning("provider outcome unknown", messages=len(requests), provider=provider)
    except Exception:
        log.exception("provider call failed", messages=len(requests), provider=provider)
    else:
        return {key: said.get(request.reference) for key, request in requests.items()}
    return dict.fromkeys(requests)


def _call_for(provider: str, request: SendRequest) -> Answer:
    try:
        return provider_for(provider).send(request, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS)
    except ProviderError as refusal:
        return refusal
    except OutcomeUnknown:
        log.warning("provider outcome unknown", message=request.reference, provider=provider)
    except Exception:
        log.exception("provider call failed", message=request.reference, provider=provider)
    return None
