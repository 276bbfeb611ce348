"""What staff see."""

from django.contrib import admin

from classifier.admin import datasets, detectors, disputes, images, imports, overview, start, training

__all__ = ["datasets", "detectors", "disputes", "images", "imports", "overview", "start", "training"]

admin.site.site_header = "aidetect administration"
admin.site.site_title = "aidetect"
admin.site.index_title = "Curation"
admin.site.enable_nav_sidebar = False
