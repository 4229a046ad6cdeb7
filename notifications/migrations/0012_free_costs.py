from django.db import migrations, models

# What went out for nothing before: the settling tick books it.
SETTLE = """
UPDATE notifications_chunk SET settle_at = now()
 WHERE id IN (SELECT chunk_id FROM notifications_message
               WHERE chunk_id IS NOT NULL AND billing = 'free' AND cost > 0
                 AND (sent_at IS NOT NULL OR delivered_at IS NOT NULL)
                 AND (mode = 'live' OR provider <> 'sandbox'))
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0011_canceling_sendings")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="is_free_cost_booked",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Free, and what it costs us at the provider is in the books."
            ),
        ),
        migrations.RunSQL(sql=SETTLE, reverse_sql=migrations.RunSQL.noop),
    ]
