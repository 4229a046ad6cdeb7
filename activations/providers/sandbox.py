"""A pretend provider for development and for test keys: numbers of real shape, SMS that come by themselves.

Magic service slugs choose other outcomes: `sandbox-silent`, `sandbox-no-stock`,
`sandbox-refused`, `sandbox-unknown`, `sandbox-multi`.
"""

import secrets
import time
from datetime import datetime, timedelta

import phonenumbers
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from activations.models import SandboxNumber
from activations.providers.base import GivenNumber, NumberRequest, OutcomeUnknown, ProviderError, ReceivedText

WORDINGS = (
    "{code} is your {service} code. Don't share it with anyone.",
    "Your {service} verification code is: {code}",
    "[{service}] Use {dashed} to verify your number.",
    "<#> {service}: your code is {code}. It expires in 10 minutes.",
)
MULTI_TEXTS = 3


class SandboxProvider:
    name = "sandbox"

    def order(self, request: NumberRequest, *, deadline_seconds: float) -> GivenNumber:
        if request.service == "sandbox-no-stock":
            raise ProviderError("no_numbers_available", permanent=False)
        if request.service == "sandbox-refused":
            raise ProviderError("provider_error")
        given = _given(self._remember(request))
        if request.service == "sandbox-unknown":
            time.sleep(min(deadline_seconds, settings.SANDBOX_DELAY_SECONDS))  # hangs, as such providers do
            raise OutcomeUnknown("the sandbox does not answer")
        return given

    def find(self, reference: str, *, deadline_seconds: float) -> GivenNumber | None:
        number = SandboxNumber.objects.filter(reference=reference).first()
        return _given(number) if number else None

    def texts(self, number_id: str, *, deadline_seconds: float) -> list[ReceivedText]:
        number = SandboxNumber.objects.get(pk=number_id)
        now = timezone.now()
        return [
            text_of(number, index)
            for index in range(number.texts)
            if number.canceled_at is None and due_at(number, index) <= now
        ]

    def give_back(self, number_id: str, *, deadline_seconds: float) -> None:
        SandboxNumber.objects.filter(pk=number_id, canceled_at=None).update(
            canceled_at=timezone.now(), next_text_at=None
        )

    def _remember(self, request: NumberRequest) -> SandboxNumber:
        texts = {"sandbox-silent": 0, "sandbox-multi": MULTI_TEXTS}.get(request.service, 0 if request.monthly else 1)
        first = timezone.now() + timedelta(seconds=settings.SANDBOX_DELAY_SECONDS)
        try:
            with transaction.atomic():
                return SandboxNumber.objects.create(
                    reference=request.reference,
                    phone=_phone(request.country),
                    service_name=request.service_name,
                    code=f"{secrets.randbelow(1_000_000):06d}",
                    texts=texts,
                    next_text_at=first if texts else None,
                )
        except IntegrityError:
            return SandboxNumber.objects.get(reference=request.reference)


def _given(number: SandboxNumber) -> GivenNumber:
    return GivenNumber(id=str(number.pk), phone=number.phone)


def due_at(number: SandboxNumber, index: int) -> datetime:
    """When SMS number `index` arrives: the first after the sandbox's delay, then one a second."""
    return number.ordered_at + timedelta(seconds=settings.SANDBOX_DELAY_SECONDS + index)


def text_of(number: SandboxNumber, index: int) -> ReceivedText:
    """SMS number `index` of a sandbox number: always the same for the same number."""
    code = f"{(int(number.code) + index * 111_111) % 1_000_000:06d}"
    wording = WORDINGS[(number.pk + index) % len(WORDINGS)]
    return ReceivedText(
        id=f"sandbox-{number.pk}-{index}",
        sender=number.service_name[:11],
        text=wording.format(code=code, dashed=f"{code[:3]}-{code[3:]}", service=number.service_name),
        received_at=None,
    )


def _phone(country: str) -> str:
    """A mobile number of the country's real shape that no open sandbox number has."""
    for _ in range(50):
        candidate = _candidate(country)
        if not SandboxNumber.objects.filter(phone=candidate, canceled_at=None).exists():
            return candidate
    return candidate


def _candidate(country: str) -> str:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return f"+1{secrets.randbelow(9 * 10**9) + 10**9}"
    national = str(example.national_number)
    kept = national[: max(2, len(national) - 6)]
    for _ in range(20):
        tail = "".join(str(secrets.randbelow(10)) for _ in range(len(national) - len(kept)))
        number = phonenumbers.PhoneNumber(country_code=example.country_code, national_number=int(kept + tail))
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
