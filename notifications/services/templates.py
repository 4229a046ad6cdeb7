"""Templates: written by customers, approved by staff, and by the provider where it decides too."""

import re
from collections.abc import Mapping
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from catalog.models import NotificationProduct
from config.errors import InvalidInput
from notifications.errors import WrongState
from notifications.models import MessageTemplate, TemplateVersion
from notifications.providers import PROVIDERS, OutcomeUnknown, ProviderError, Verdict, provider_for
from notifications.services import texts
from notifications.services.telling import tell_of_template

log = structlog.get_logger(__name__)

Status = TemplateVersion.Status

NAME = re.compile(r"\A[a-z0-9_]{1,100}\Z")
LANGUAGE = re.compile(r"\A[a-z]{2,3}(_[A-Z]{2})?\Z")
CONTENT_SID = re.compile(r"\AHX[0-9a-f]{32}\Z")
LONGEST_REASON = 200
MOST_VERSIONS = 200
ASK_AGAIN = timedelta(minutes=10)
ASKED_AT_ONCE = 50
BY_PROVIDER = "provider:"


def create_template(
    *, customer_id: int, name: str, language: str, category: str, body: str, examples: Mapping[str, str]
) -> MessageTemplate:
    """A new template with its first version, a draft. Raises InvalidInput, also where the name is taken."""
    errors: dict[str, list[str]] = {}
    if not NAME.match(name):
        errors["name"] = ["A name has 1 to 100 small letters, digits and underscores."]
    if not LANGUAGE.match(language):
        errors["language"] = ["Give a language like en or pt_BR."]
    errors |= _faults(category, body, examples)
    if errors:
        raise InvalidInput(errors)
    try:
        with transaction.atomic():
            template = MessageTemplate.objects.create(customer_id=customer_id, name=name, language=language)
            _write(template, 1, category, body, examples)
    except IntegrityError:
        raise InvalidInput({"name": ["There is a template of this name and language."]}) from None
    return template


@transaction.atomic
def add_version(*, template: MessageTemplate, category: str, body: str, examples: Mapping[str, str]) -> TemplateVersion:
    """Edit a template: a new version, a draft. The approved one stays in force until this is approved.

    Raises InvalidInput.
    """
    locked = _lock_template(template.pk)
    errors = _faults(category, body, examples)
    number = locked.latest.number + 1
    if number > MOST_VERSIONS:
        errors["body"] = [f"A template has at most {MOST_VERSIONS} versions."]
    if errors:
        raise InvalidInput(errors)
    return _write(locked, number, category, body, examples)


@transaction.atomic
def submit(*, template: MessageTemplate) -> TemplateVersion:
    """Hand the latest version in for approval. Repeating it changes nothing.

    Raises WrongState (it was decided upon already), InvalidInput where an example value is missing.
    """
    version = _lock_template(template.pk).latest
    if version.status == Status.SUBMITTED:
        return version
    if version.status != Status.DRAFT:
        raise WrongState(status=version.status)
    if missing := texts.faults_of_values(version.body, version.examples):
        raise InvalidInput({f"examples.{name}": complaints for name, complaints in missing.items()})
    version.status = Status.SUBMITTED
    version.submitted_at = timezone.now()
    version.save(update_fields=["status", "submitted_at"])
    return version


@transaction.atomic
def approve(*, version: TemplateVersion, actor: str, provider_template_id: str = "") -> TemplateVersion:
    """Let a submitted version be sent, in place of the one before.

    `provider_template_id` is its Content SID at Twilio; without one it cannot be sent from a
    Twilio sender. Raises WrongState, InvalidInput.
    """
    locked = _lock(version.pk)
    _require(locked, Status.SUBMITTED)
    _name_at_provider(locked, provider_template_id)
    _decide(locked, Status.APPROVED, "", actor)
    tell_of_template(locked)
    return locked


@transaction.atomic
def hand_to_provider(*, version: TemplateVersion, provider_template_id: str) -> TemplateVersion:
    """Say under which id the provider knows a version: its own verdict is then asked for by a tick.

    Raises WrongState, InvalidInput.
    """
    locked = _lock(version.pk)
    _require(locked, Status.SUBMITTED, Status.APPROVED, Status.PAUSED)
    if not provider_template_id:
        raise InvalidInput({"provider_template_id": ["Give the Content SID: HX and 32 hexadecimal digits."]})
    _name_at_provider(locked, provider_template_id)
    locked.asked_at = None
    locked.save(update_fields=["provider", "provider_template_id", "asked_at"])
    return locked


@transaction.atomic
def reject(*, version: TemplateVersion, reason: str, actor: str) -> TemplateVersion:
    """Refuse a submitted version, with a reason that the customer reads. Raises WrongState, InvalidInput."""
    locked = _lock(version.pk)
    _require(locked, Status.SUBMITTED)
    _decide(locked, Status.REJECTED, reason, actor)
    tell_of_template(locked)
    return locked


@transaction.atomic
def pause(*, version: TemplateVersion, reason: str, actor: str) -> TemplateVersion:
    """Stop an approved version for a while. Raises WrongState, InvalidInput."""
    locked = _lock(version.pk)
    _require(locked, Status.APPROVED)
    return _decide(locked, Status.PAUSED, reason, actor)


@transaction.atomic
def resume_template(*, version: TemplateVersion, actor: str) -> TemplateVersion:
    """Let a paused version be sent again. Raises WrongState."""
    locked = _lock(version.pk)
    _require(locked, Status.PAUSED)
    return _decide(locked, Status.APPROVED, "", actor)


@transaction.atomic
def disable(*, version: TemplateVersion, reason: str, actor: str) -> TemplateVersion:
    """Stop an approved or paused version for ever. Raises WrongState, InvalidInput."""
    locked = _lock(version.pk)
    _require(locked, Status.APPROVED, Status.PAUSED)
    return _decide(locked, Status.DISABLED, reason, actor)


def ask_providers() -> int:
    """Ask the providers about templates they know, and follow their verdicts; returns how many were asked about."""
    now = timezone.now()
    due = TemplateVersion.objects.exclude(provider_template_id="").filter(
        Q(asked_at=None) | Q(asked_at__lte=now - ASK_AGAIN),
        status__in=(Status.SUBMITTED, Status.APPROVED, Status.PAUSED),
    )
    asked = list(due.order_by("asked_at")[:ASKED_AT_ONCE])
    for version in asked:
        TemplateVersion.objects.filter(pk=version.pk).update(asked_at=now)
        try:
            found = provider_for(version.provider).verdict(
                version.provider_template_id, deadline_seconds=settings.PROVIDER_DEADLINE_SECONDS
            )
        except (OutcomeUnknown, ProviderError) as error:
            log.info("provider does not say how a template stands", version=version.pk, why=str(error))
            continue
        if found is not None:
            follow(version=version, verdict=found)
    return len(asked)


def follow(*, version: TemplateVersion, verdict: Verdict) -> TemplateVersion:
    """Do what a provider decided, where that is a step from here. What staff paused stays paused."""
    current = TemplateVersion.objects.get(pk=version.pk)
    actor = f"{BY_PROVIDER}{current.provider}"
    reason = verdict.reason[:LONGEST_REASON] or f"{verdict.status.capitalize()} by WhatsApp."
    try:
        match (current.status, verdict.status):
            case (Status.SUBMITTED, "approved"):
                return approve(version=current, actor=actor, provider_template_id=current.provider_template_id)
            case (Status.SUBMITTED, "rejected"):
                return reject(version=current, reason=reason, actor=actor)
            case (Status.APPROVED, "paused"):
                return pause(version=current, reason=reason, actor=actor)
            case (Status.APPROVED | Status.PAUSED, "rejected" | "disabled"):
                return disable(version=current, reason=reason, actor=actor)
            case (Status.PAUSED, "approved") if current.decided_by.startswith(BY_PROVIDER):
                return resume_template(version=current, actor=actor)
    except WrongState:
        log.info("template has moved on meanwhile", version=current.pk)
    return current


def _faults(category: str, body: str, examples: Mapping[str, str]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if category not in dict(NotificationProduct.TEMPLATE_CATEGORIES):
        errors["category"] = ["A category is utility, marketing or authentication."]
    if faults := texts.faults_of_body(body):
        errors["body"] = faults
    elif set(examples) - set(texts.placeholders(body)):
        errors["examples"] = ["There is an example for a placeholder that the body does not have."]
    elif len(texts.PLACEHOLDER.sub(lambda found: examples.get(found[1], ""), body)) > texts.LONGEST_BODY:
        errors["examples"] = [f"With its examples the text is longer than {texts.LONGEST_BODY} characters."]
    return errors


def _write(
    template: MessageTemplate, number: int, category: str, body: str, examples: Mapping[str, str]
) -> TemplateVersion:
    return TemplateVersion.objects.create(
        template=template, number=number, category=category, body=body, examples=dict(examples)
    )


def _name_at_provider(locked: TemplateVersion, provider_template_id: str) -> None:
    if not provider_template_id:
        return
    if not CONTENT_SID.match(provider_template_id):
        raise InvalidInput({"provider_template_id": ["A Content SID is HX and 32 hexadecimal digits."]})
    locked.provider = next(name for name, provider in PROVIDERS.items() if provider.needs_template_id)
    locked.provider_template_id = provider_template_id


def _decide(locked: TemplateVersion, status: Status, reason: str, actor: str) -> TemplateVersion:
    if status != Status.APPROVED and not reason.strip():
        raise InvalidInput({"reason": ["Say why."]})
    locked.status = status
    locked.reason = reason.strip()[:LONGEST_REASON]
    locked.decided_at = timezone.now()
    locked.decided_by = actor
    locked.save()
    return locked


def _require(locked: TemplateVersion, *statuses: Status) -> None:
    if locked.status not in statuses:
        raise WrongState(status=locked.status)


def _lock(version_id: int) -> TemplateVersion:
    rows = TemplateVersion.objects.select_related("template__customer")
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=version_id)


def _lock_template(template_id: int) -> MessageTemplate:
    # Two edits at once wait for each other here, and number their versions one after the other.
    return MessageTemplate.objects.select_for_update(no_key=True).get(pk=template_id)
