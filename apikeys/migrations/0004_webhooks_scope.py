import django.contrib.postgres.fields
from django.db import migrations, models

import apikeys.models.key

GRANT = """
    UPDATE apikeys_{} SET scopes = scopes || '{{webhooks}}'::varchar[]
     WHERE scopes @> '{{read,activations,messages,orders,numbers}}'::varchar[]
       AND NOT scopes @> '{{webhooks}}'::varchar[]
"""
TAKE = "UPDATE apikeys_{} SET scopes = array_remove(scopes, 'webhooks')"


class Migration(migrations.Migration):
    dependencies = [
        ("apikeys", "0003_client_credentials"),
        ("wallets", "0004_spend_caps"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="apikey",
            name="api_key_scopes_known",
        ),
        migrations.RemoveConstraint(
            model_name="clientcredential",
            name="client_scopes_known",
        ),
        migrations.AlterField(
            model_name="apikey",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read", "Read"),
                        ("activations", "Activations"),
                        ("messages", "Messages"),
                        ("orders", "Orders"),
                        ("numbers", "Numbers"),
                        ("webhooks", "Webhooks"),
                    ],
                    max_length=20,
                ),
                default=apikeys.models.key.every_scope,
                size=None,
            ),
        ),
        migrations.AlterField(
            model_name="clientcredential",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("read", "Read"),
                        ("activations", "Activations"),
                        ("messages", "Messages"),
                        ("orders", "Orders"),
                        ("numbers", "Numbers"),
                        ("webhooks", "Webhooks"),
                    ],
                    max_length=20,
                ),
                default=apikeys.models.key.every_scope,
                size=None,
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("scopes__contained_by", ["read", "activations", "messages", "orders", "numbers", "webhooks"])
                ),
                name="api_key_scopes_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="clientcredential",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("scopes__contained_by", ["read", "activations", "messages", "orders", "numbers", "webhooks"])
                ),
                name="client_scopes_known",
            ),
        ),
        # Whoever could do everything still can.
        migrations.RunSQL(sql=GRANT.format("apikey"), reverse_sql=TAKE.format("apikey")),
        migrations.RunSQL(sql=GRANT.format("clientcredential"), reverse_sql=TAKE.format("clientcredential")),
    ]
