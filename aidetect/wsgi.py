"""The web process. It never imports TensorFlow."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
application = get_wsgi_application()
