#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from apps.demo.options import demo_environment

if __name__ == "__main__":
    if sys.argv[1:2] == ["demo"]:
        # Settings read the environment once, when they are imported: too late for the command's own options.
        os.environ.update(demo_environment(sys.argv[2:], os.environ))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    execute_from_command_line(sys.argv)
