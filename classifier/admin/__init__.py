"""What staff see."""

from django.contrib import admin

from classifier.admin import (
    allowances,
    audit,
    datasets,
    detectors,
    disputes,
    images,
    imports,
    overview,
    second_factors,
    start,
    training,
)

__all__ = [
    "allowances",
    "audit",
    "datasets",
    "detectors",
    "disputes",
    "images",
    "imports",
    "overview",
    "second_factors",
    "start",
    "training",
]

admin.site.site_header = "aidetect administration"
admin.site.site_title = "aidetect"
admin.site.index_title = "Curation"
admin.site.enable_nav_sidebar = False
