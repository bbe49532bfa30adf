"""The product's settings with what tests need to be quick and sealed: a fast hasher, throw-away keys, no files outside the run."""

import base64
import os
import tempfile

os.environ.setdefault("PATCHBAY_DATA_DIR", tempfile.mkdtemp(prefix="patchbay-tests-"))
os.environ.setdefault("PATCHBAY_SECRET_KEYS", "test1:" + base64.b64encode(os.urandom(32)).decode())

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in use: an in-memory database shared by threads knows neither WAL nor the busy timeout.
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(os.environ["PATCHBAY_DATA_DIR"], "test.sqlite3")}  # noqa: F405

WHITENOISE_AUTOREFRESH = True  # looks a static file up when it is asked for, instead of listing 205 of them for every test's client
