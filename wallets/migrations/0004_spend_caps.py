from decimal import Decimal
from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [
        ("wallets", "0003_tax_percent"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpendCap",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("credential", models.CharField(help_text="Public id of the key.", max_length=32, unique=True)),
                ("daily", models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True)),
                ("monthly", models.DecimalField(blank=True, decimal_places=6, max_digits=20, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("day", models.DateField(editable=False)),
                (
                    "day_spent",
                    models.DecimalField(decimal_places=6, default=Decimal("0"), editable=False, max_digits=20),
                ),
                ("month", models.DateField(editable=False, help_text="Its first day.")),
                (
                    "month_spent",
                    models.DecimalField(decimal_places=6, default=Decimal("0"), editable=False, max_digits=20),
                ),
                (
                    "wallet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="spend_caps", to="wallets.wallet"
                    ),
                ),
            ],
            options={
                "ordering": ("credential",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("daily__isnull", False), ("monthly__isnull", False), _connector="OR"),
                        name="spend_cap_caps_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("daily__isnull", True), ("daily__gt", 0), _connector="OR"),
                            models.Q(("monthly__isnull", True), ("monthly__gt", 0), _connector="OR"),
                        ),
                        name="spend_cap_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("day_spent__gte", 0), ("month_spent__gte", 0)),
                        name="spend_cap_spent_not_negative",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            sql=(FOLDER / "0004_spend_caps.sql").read_text(),
            reverse_sql=(FOLDER / "0004_spend_caps.reverse.sql").read_text(),
        ),
    ]
