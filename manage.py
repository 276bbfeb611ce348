#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aidetect.settings")
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)  # so that commands can send native libraries' notes elsewhere
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
