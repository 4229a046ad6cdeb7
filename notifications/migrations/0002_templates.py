from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial"), ("wallets", "0002_ledger")]

    operations = [
        migrations.RunSQL(
            sql=(FOLDER / "0002_templates.sql").read_text(),
            reverse_sql=(FOLDER / "0002_templates.reverse.sql").read_text(),
        ),
    ]
