"""What staff see."""

from django.contrib import admin

from classifier.admin import (
    allowances,
    datasets,
    detectors,
    disputes,
    images,
    imports,
    overview,
    second_factors,
    training,
)

__all__ = [
    "allowances",
    "datasets",
    "detectors",
    "disputes",
    "images",
    "imports",
    "overview",
    "second_factors",
    "training",
]

admin.site.site_header = "aidetect administration"
admin.site.site_title = "aidetect"
admin.site.index_title = "Curation"
admin.site.enable_nav_sidebar = False
