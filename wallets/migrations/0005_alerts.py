import uuid
from pathlib import Path

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [
        ("wallets", "0004_spend_caps"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertLevel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", models.DecimalField(decimal_places=6, help_text="In the wallet's currency.", max_digits=20)),
                (
                    "told_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="Since when the wallet is below it; empty: it is not, the alert is armed.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="alert_levels", to="wallets.wallet"
                    ),
                ),
            ],
            options={
                "ordering": ("wallet", "-amount"),
                "constraints": [
                    models.UniqueConstraint(fields=("wallet", "amount"), name="alert_level_once_per_wallet"),
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="alert_level_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="LowBalanceAlert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("level", models.DecimalField(decimal_places=6, max_digits=20)),
                ("available", models.DecimalField(decimal_places=6, max_digits=20)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField(help_text="When its e-mail is tried.", null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="low_balance_alerts",
                        to="wallets.wallet",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="low_balance_mail_due"
                    ),
                    models.Index(fields=["wallet", "-id"], name="low_balance_alert_by_wallet"),
                ],
            },
        ),
        migrations.RunSQL(
            sql=(FOLDER / "0005_alerts.sql").read_text(),
            reverse_sql=(FOLDER / "0005_alerts.reverse.sql").read_text(),
        ),
        migrations.RemoveField(
            model_name="wallet",
            name="low_balance_threshold",
        ),
    ]
