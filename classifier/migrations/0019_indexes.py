from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("classifier", "0019_detector_bundle")]

    operations = [
        migrations.AddField(
            model_name="image",
            name="drawable",
            field=models.BooleanField(default=True, editable=False, help_text="its heat map, if that is missing"),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("drawable", True), ("heat", ""), ("state", "done")),
                fields=["-id"],
                name="image_without_heat",
            ),
        ),
        migrations.AddIndex(
            model_name="verdict", index=models.Index(fields=["created_at"], name="verdict_created")
        ),
    ]
