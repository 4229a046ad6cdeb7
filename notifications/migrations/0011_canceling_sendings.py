from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notifications", "0010_silent_endpoints")]

    operations = [
        migrations.AddField(
            model_name="sending",
            name="canceling_since",
            field=models.DateTimeField(
                blank=True, help_text="Nothing more of it is handed over; what waits is being canceled.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="sending",
            index=models.Index(
                condition=models.Q(("canceling_since__isnull", False)),
                fields=["canceling_since"],
                name="sending_to_cancel",
            ),
        ),
    ]
