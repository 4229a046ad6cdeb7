from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent


class Migration(migrations.Migration):
    dependencies = [("wallets", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=(FOLDER / "0002_ledger.sql").read_text(),
            reverse_sql=(FOLDER / "0002_ledger.reverse.sql").read_text(),
        ),
    ]
