from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0015_tags")]

    operations = [
        migrations.AddField(
            model_name="image",
            name="request_id",
            field=models.CharField(
                blank=True,
                default="",
                editable=False,
                help_text="of the upload or the last new try",
                max_length=64,
            ),
        ),
    ]
