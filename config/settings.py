"""All settings, read once from the environment. README.md ("Configuration") lists every variable."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from config.mail import mailer

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

# "development" generates what is missing into DATA_DIR; "production" refuses to start without it.
ENVIRONMENT = env.str("PATCHBAY_ENV", default="development")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured(f"PATCHBAY_ENV is {ENVIRONMENT!r}; use development or production.")
PRODUCTION = ENVIRONMENT == "production"
DATA_DIR = Path(env.str("PATCHBAY_DATA_DIR", default=str(BASE_DIR / ".data")))
DEBUG = env.bool("PATCHBAY_DEBUG", default=False)
# Where calls are written down until they are in the database (apps/traces/journal.py): a disk that outlives the process.
PATCHBAY_JOURNAL_DIR = Path(env.str("PATCHBAY_JOURNAL_DIR", default=str(DATA_DIR / "journal")))
# Whether a server process starts the process that brings them in, where the machine has none.
PATCHBAY_START_WORKER = env.bool("PATCHBAY_START_WORKER", default=True)


def from_environment_or_file(variable: str, filename: str, make: Callable[[], str]) -> str:
    """The variable's value; in development a value made once and kept in DATA_DIR, mode 0600."""
    value: str = env.str(variable, default="")
    if value or PRODUCTION:
        if not value:
            raise ImproperlyConfigured(f"{variable} is not set. Production never starts with generated keys; see README.md, Configuration.")
        return value
    path = DATA_DIR / filename
    if not path.exists():
        DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # keys and, in development, the database: nobody else's business
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text().strip()


SECRET_KEY = from_environment_or_file("PATCHBAY_DJANGO_SECRET_KEY", "django_secret_key", lambda: secrets.token_urlsafe(64))
# Master keys for stored secrets, newest first: "id:base64,id:base64" (spec 07 A1). Parsed and checked by apps/core/secrets.py.
PATCHBAY_SECRET_KEYS = from_environment_or_file(
    "PATCHBAY_SECRET_KEYS", "secret_keys", lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
)

PUBLIC_URL = env.str("PATCHBAY_PUBLIC_URL", default="http://127.0.0.1:8000")
ALLOWED_HOSTS = env.list("PATCHBAY_ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("PATCHBAY_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.int("PATCHBAY_TRUSTED_PROXIES", default=0)  # how many proxies in front may set X-Forwarded-For
PATCHBAY_CA_FILE = env.str("PATCHBAY_CA_FILE", default="")  # a private CA, added to the public ones for calls out

# Where each call is sent as a span (apps/traces/otlp.py): OpenTelemetry's own variables.
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
OTEL_EXPORTER_OTLP_HEADERS = env.str("OTEL_EXPORTER_OTLP_HEADERS", default="")
OTEL_SERVICE_NAME = env.str("OTEL_SERVICE_NAME", default="patchbay")

# The deployment's own AWS identity, which customers' roles trust (spec 07 G). Nothing is taken from instance metadata or from ~/.aws.
PATCHBAY_AWS_PRINCIPAL_ARN = env.str("PATCHBAY_AWS_PRINCIPAL_ARN", default="")
PATCHBAY_AWS_ACCESS_KEY_ID = env.str("PATCHBAY_AWS_ACCESS_KEY_ID", default="")
PATCHBAY_AWS_SECRET_ACCESS_KEY = env.str("PATCHBAY_AWS_SECRET_ACCESS_KEY", default="")
PATCHBAY_AWS_ENDPOINT_URL = env.str("PATCHBAY_AWS_ENDPOINT_URL", default="")  # with {service} and {region}; "" is AWS itself
PATCHBAY_AWS_DEFAULT_REGION = env.str("PATCHBAY_AWS_DEFAULT_REGION", default="us-east-1")
PATCHBAY_AWS_AUTO_REGISTER_ROLES = env.bool("PATCHBAY_AWS_AUTO_REGISTER_ROLES", default=False)  # without platform staff

INSTALLED_APPS = [
    "apps.accounts.apps.PlatformAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "apps.core",
    "apps.audit",
    "apps.egress",
    "apps.accounts",
    "apps.catalog",
    "apps.external_models",
    "apps.connections",
    "apps.traces",
    "apps.usage",
    "apps.inference",
    "apps.gateway",
    "apps.onboarding",
    "apps.playground",
    "apps.api",
    "apps.demo",
]

MIDDLEWARE = [
    "apps.core.logging.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.accounts.middleware.WorkspaceMiddleware",
    "apps.accounts.middleware.SessionLimitsMiddleware",
    "apps.core.access.AccessMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.accounts.context.shell",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"],
                ),
            ],
            "builtins": ["apps.core.templatetags.ui"],
        },
    }
]

FORM_RENDERER = "apps.core.forms.Renderer"

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'patchbay.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": env.float("PATCHBAY_DATABASE_POOL_SECONDS", default=10),  # seconds that a request waits for its turn to write
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,
        "pool": {
            "min_size": 1,
            "max_size": env.int("PATCHBAY_DATABASE_POOL", default=24),
            # Seconds that a request waits for a connection; then it is a 503. A burst is served within them, and a database that is away is
            # said soon.
            "timeout": env.float("PATCHBAY_DATABASE_POOL_SECONDS", default=3),
            # The pool waits longer after each attempt that fails, up to minutes. Given up early, the next request tries at once, so that
            # full service is back soon after the database is (F4).
            "reconnect_timeout": 1,
        },
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://patchbay")}
if CACHES["default"]["BACKEND"].endswith("RedisCache"):  # one that is away without a word must not hold up calls
    CACHES["default"].setdefault("OPTIONS", {}).update({"socket_connect_timeout": 1, "socket_timeout": 1})

# Sign-in (spec 07 D5, D6)
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
SESSION_COOKIE_AGE = env.int("PATCHBAY_SESSION_SECONDS", default=12 * 3600)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
PATCHBAY_ADMIN_IDLE_SECONDS = env.int("PATCHBAY_ADMIN_IDLE_SECONDS", default=30 * 60)  # owners, admins and platform staff
PATCHBAY_ADMIN_SESSION_SECONDS = env.int("PATCHBAY_ADMIN_SESSION_SECONDS", default=12 * 3600)  # the same, however busy
PATCHBAY_ADMIN_MFA = env.bool("PATCHBAY_ADMIN_MFA", default=PRODUCTION)  # a second factor for the platform admin
ADMIN_PATH = env.str("PATCHBAY_ADMIN_PATH", default="platform-admin/").strip("/") + "/"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300  # before a second factor is changed (07 D5)
MFA_ALLOW_UNVERIFIED_EMAIL = True  # people are made by administrators; there is no e-mail verification to wait for
MFA_TOTP_ISSUER = "Patchbay"
ACCOUNT_FORMS = {
    "login": "apps.accounts.sign_in_forms.SignInForm",
    "change_password": "apps.accounts.sign_in_forms.ChangePassword",
    "reset_password": "apps.accounts.sign_in_forms.AskForReset",
    "reset_password_from_key": "apps.accounts.sign_in_forms.ChoosePassword",
    "reauthenticate": "apps.accounts.sign_in_forms.ConfirmPassword",
}
MFA_FORMS = {
    "authenticate": "apps.accounts.sign_in_forms.SecondFactor",
    "reauthenticate": "apps.accounts.sign_in_forms.ConfirmByCode",
    "activate_totp": "apps.accounts.sign_in_forms.AddAuthenticator",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# Development prints it. In production a printed reset link would be a password in the log (A10): without a mail server there is no mail.
MAILERS = {} if PRODUCTION and "EMAIL_URL" not in env else {"default": mailer(env.email_url("EMAIL_URL", default="consolemail://"))}
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default=f"Patchbay <patchbay@{urlsplit(PUBLIC_URL).hostname}>")

# Browser security (spec 07 D8). Everything is self-hosted; nothing inline.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = env.bool("PATCHBAY_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^health/"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
    SECURE_HSTS_SECONDS = env.int("PATCHBAY_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True

# One JSON line per event on standard error, redacted (07 A9, A10). uvicorn's access log holds queries, so the request line is our own.
LOGGING_CONFIG = "apps.core.logging.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "apps.core.logging.json_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}, "null": {"class": "logging.NullHandler"}},
    "root": {"handlers": ["stderr"], "level": env.str("PATCHBAY_LOG_LEVEL", default="INFO").upper()},
    "loggers": {
        "django": {"level": "INFO", "handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},  # every answer has a line of our own; tracebacks come from here
        "django.server": {"handlers": ["null"], "propagate": False},
        "uvicorn": {"handlers": [], "propagate": True},
        # No handler at all: uvicorn then makes no record either: a twentieth of the time of a call.
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
}

# A body of 1 MiB, the most that a template may be, takes up to nine times that in a form's encoding.
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 2**20

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("PATCHBAY_STATIC_ROOT", default=str(DATA_DIR / "static")))
if not PRODUCTION:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # empty: files come from static/ itself; WhiteNoise warns where there is none
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "apps.core.static.HashedStaticFilesStorage" if PRODUCTION else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
