import uuid
from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0006_sendings_at_speed"),
        ("wallets", "0003_tax_percent"),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("url", models.CharField(max_length=2000)),
                ("description", models.CharField(blank=True, max_length=200)),
                (
                    "kinds",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        blank=True,
                        default=list,
                        help_text="Empty: every event.",
                        size=None,
                    ),
                ),
                (
                    "format",
                    models.CharField(
                        choices=[("standard", "Standard Webhooks"), ("smsgig", "SMSGig"), ("smsgist", "SMSGist")],
                        default="standard",
                        max_length=10,
                    ),
                ),
                ("secret", models.TextField(editable=False, help_text="Encrypted.")),
                (
                    "previous_secret",
                    models.TextField(blank=True, editable=False, help_text="Encrypted; signs too for a while."),
                ),
                ("previous_secret_until", models.DateTimeField(editable=False, null=True)),
                (
                    "signing_key",
                    models.TextField(blank=True, editable=False, help_text="Encrypted: the API key SMSGig signs with."),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("customer", "By the customer"),
                            ("staff", "By staff"),
                            ("gone", "It answered 410 Gone"),
                            ("failing", "Nothing but failures for five days"),
                        ],
                        max_length=10,
                    ),
                ),
                ("disabled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "told_of_disabling_at",
                    models.DateTimeField(editable=False, help_text="When the customer was written to.", null=True),
                ),
                (
                    "failing_since",
                    models.DateTimeField(blank=True, help_text="Nothing arrived since; empty: it works.", null=True),
                ),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("created_by", models.CharField(blank=True, help_text="In words: staff:…, key:….", max_length=80)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="webhook_endpoints",
                        to="wallets.customer",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("discarded", "Discarded"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0, help_text="Counted before the call.")),
                ("tries", models.PositiveIntegerField(default=0, help_text="Of them, since it was last asked for.")),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "erase_after",
                    models.DateTimeField(
                        blank=True, help_text="What receivers answered is erased after this.", null=True
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="wallets.event",
                    ),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="notifications.webhookendpoint",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(help_text="From 1, within its delivery.")),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("duration_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("status_code", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "error",
                    models.CharField(
                        blank=True, help_text="In a word, why there is no answer that counts.", max_length=20
                    ),
                ),
                ("answer", models.TextField(blank=True, help_text="Its first KiB.")),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calls",
                        to="notifications.webhookdelivery",
                    ),
                ),
            ],
            options={
                "ordering": ("delivery", "number"),
                "constraints": [
                    models.UniqueConstraint(fields=("delivery", "number"), name="webhook_attempt_number_unique")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="webhookendpoint",
            index=models.Index(
                condition=models.Q(("is_enabled", True)), fields=["customer"], name="webhook_endpoint_listening"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disabled_reason", ""), ("is_enabled", True)),
                    models.Q(("is_enabled", False), models.Q(("disabled_reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="webhook_endpoint_disabled_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("deleted_at", None), ("is_enabled", False), _connector="OR"),
                name="webhook_endpoint_deleted_is_disabled",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("format", "smsgig"), _negated=True),
                    models.Q(("signing_key", ""), _negated=True),
                    _connector="OR",
                ),
                name="webhook_endpoint_smsgig_has_a_key",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "pending")), fields=["endpoint", "next_attempt_at"], name="webhook_due"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "-id"], name="webhook_delivery_by_endpoint"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("status", "failed")), fields=["endpoint", "id"], name="webhook_delivery_failed"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("erase_after__isnull", False)), fields=["erase_after"], name="webhook_to_erase"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(fields=("endpoint", "event"), name="webhook_delivery_once_per_endpoint"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("next_attempt_at__isnull", False), ("status", "pending")),
                    models.Q(
                        models.Q(("status", "pending"), _negated=True),
                        ("closed_at__isnull", False),
                        ("next_attempt_at", None),
                    ),
                    _connector="OR",
                ),
                name="webhook_delivery_pending_has_its_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(("attempts__gte", models.F("tries"))), name="webhook_delivery_tries_within_attempts"
            ),
        ),
        migrations.RunSQL(
            sql=(FOLDER / "0007_webhooks.sql").read_text(),
            reverse_sql=(FOLDER / "0007_webhooks.reverse.sql").read_text(),
        ),
    ]
