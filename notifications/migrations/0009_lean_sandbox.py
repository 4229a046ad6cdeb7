from django.db import migrations

# Nobody searches these by prefix, and the pretend carrier writes a row anew with every report.
DROP = """
DROP INDEX IF EXISTS notifications_sandboxmessage_reference_72421698_like;
DROP INDEX IF EXISTS notifications_sandboxmessage_sid_9da6faa8_like;
"""
MAKE = """
CREATE INDEX notifications_sandboxmessage_reference_72421698_like
    ON notifications_sandboxmessage (reference varchar_pattern_ops);
CREATE INDEX notifications_sandboxmessage_sid_9da6faa8_like ON notifications_sandboxmessage (sid varchar_pattern_ops);
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0008_lean_messages")]

    operations = [migrations.RunSQL(sql=DROP, reverse_sql=MAKE)]
