"""The product's settings with what tests need to be quick and sealed: a fast hasher, throw-away keys, no files outside the run."""

import base64
import os
import sys
import tempfile

# Where the environment forbids bytecode, every process that a test starts would compile 1,200 modules again: 3 s of the processor each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ.setdefault("PATCHBAY_DATA_DIR", tempfile.mkdtemp(prefix="patchbay-tests-"))
os.environ.setdefault("PATCHBAY_DATABASE_POOL_SECONDS", "60")  # crowds wait their turn, however slow the machine is
os.environ.setdefault("PATCHBAY_SECRET_KEYS", "test1:" + base64.b64encode(os.urandom(32)).decode())

from config.settings import *  # noqa: E402, F403

INSTALLED_APPS = ["tests.support", *INSTALLED_APPS]  # noqa: F405 - with the command that empties the database between tests
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in use: an in-memory database shared by threads knows neither WAL nor the busy timeout.
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(os.environ["PATCHBAY_DATA_DIR"], "test.sqlite3")}  # noqa: F405

WHITENOISE_AUTOREFRESH = True  # looks a static file up when it is asked for, instead of listing 205 of them for every test's client

# A process of its own would look for the records in another database than that of the tests; these bring them in themselves.
PATCHBAY_START_WORKER = False
PATCHBAY_JOURNAL_DIR = DATA_DIR / f"journal-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  # noqa: F405
