"""The native wire of webhook endpoints and the log of their deliveries."""

from typing import Any

from rest_framework import serializers

from config.api import Moment, Text, Whole
from notifications.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from notifications.services.webhooks.endpoints import LONGEST_DESCRIPTION, LONGEST_SIGNING_KEY
from notifications.services.webhooks.formats import told
from notifications.services.webhooks.kinds import KINDS

Format = WebhookEndpoint.Format
# The fields of a request, by the names the service has for them.
RENAMED = {"events": "kinds"}


class EndpointChange(serializers.Serializer[Any]):
    url = Text(max_length=2000, required=False, help_text="https, a public server, without user name and password.")
    events = serializers.ListField(
        child=Text(max_length=64), max_length=len(KINDS), required=False,
        help_text=f"None for all of them: {', '.join(KINDS)}.",
    )  # fmt: skip
    description = Text(max_length=LONGEST_DESCRIPTION, required=False, allow_blank=True)
    signing_key = Text(
        max_length=LONGEST_SIGNING_KEY, required=False, write_only=True,
        help_text="The API key that signs in SMSGig’s format. Kept encrypted, for signing alone.",
    )  # fmt: skip
    enabled = serializers.BooleanField(required=False)

    def wanted(self) -> dict[str, Any]:
        self.is_valid(raise_exception=True)
        return {RENAMED.get(name, name): value for name, value in self.validated_data.items()}


class EndpointInput(EndpointChange):
    url = Text(max_length=2000, help_text="https, a public server, without user name and password.")
    format = serializers.ChoiceField(
        choices=Format.choices, required=False, help_text="standard (Standard Webhooks), smsgig or smsgist."
    )
    signing_key_id = Whole(
        min_value=1, required=False,
        help_text="Instead of `signing_key`: a key that keeps its copy. Neither: the key of this request signs.",
    )  # fmt: skip
    enabled = None  # type: ignore[assignment]  # a new one is


class EndpointShown(serializers.ModelSerializer[WebhookEndpoint]):
    events = serializers.ListField(source="kinds", help_text="Empty: every event.")
    enabled = serializers.BooleanField(source="is_enabled")
    disabled_reason = serializers.SerializerMethodField(
        help_text="customer, staff, gone (410), failing, or unsigned (its API key is gone); else null."
    )
    disabled_at = Moment(allow_null=True)
    failing_since = Moment(allow_null=True, help_text="Nothing arrived since; null: it works.")
    previous_secret_until = Moment(allow_null=True, help_text="Until then the secret before signs too.")
    created_at = Moment()

    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = (
            "id", "url", "events", "format", "description", "enabled", "disabled_reason", "disabled_at",
            "failing_since", "previous_secret_until", "created_at",
        )  # fmt: skip

    def get_disabled_reason(self, row: WebhookEndpoint) -> str | None:
        return row.disabled_reason or None


class EndpointWithSecret(EndpointShown):
    """Right after its secret was made, and never again."""

    secret = serializers.CharField(help_text="whsec_…, shown once.")

    class Meta(EndpointShown.Meta):
        fields = (*EndpointShown.Meta.fields, "secret")


def with_secret(endpoint: WebhookEndpoint, secret: str) -> dict[str, Any]:
    return EndpointShown(endpoint).data | {"secret": secret}


class AttemptShown(serializers.ModelSerializer[WebhookAttempt]):
    started_at = Moment()
    error = serializers.SerializerMethodField(help_text="timeout, dns, tls, address_refused …; null: it answered.")

    class Meta:
        model = WebhookAttempt
        fields = ("number", "started_at", "duration_ms", "status_code", "error", "answer")

    def get_error(self, row: WebhookAttempt) -> str | None:
        return row.error or None


class DeliveryListed(serializers.ModelSerializer[WebhookDelivery]):
    webhook_id = serializers.CharField(source="message_id", help_text="The same at every attempt.")
    event = serializers.CharField(source="event.kind")
    sequence = serializers.IntegerField(source="event.sequence")
    next_attempt_at = Moment(allow_null=True)
    created_at = Moment()
    closed_at = Moment(allow_null=True)

    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = (
            "id", "webhook_id", "event", "sequence", "status", "attempts", "next_attempt_at", "created_at", "closed_at",
        )  # fmt: skip


class DeliveryShown(DeliveryListed):
    payload = serializers.SerializerMethodField(help_text="What happened; null once it was erased.")
    calls = AttemptShown(many=True, help_text="Oldest first.")

    class Meta(DeliveryListed.Meta):
        fields = (*DeliveryListed.Meta.fields, "payload", "calls")

    def get_payload(self, row: WebhookDelivery) -> dict[str, Any] | None:
        return told(row.event.payload) or None


class ReplayInput(serializers.Serializer[Any]):
    since = Moment(required=False, help_text="Of events from then on; needed to replay also what arrived.")
    until = Moment(required=False, help_text="Of events before then.")
    failed_only = serializers.BooleanField(required=False, help_text="true unless told otherwise.")
