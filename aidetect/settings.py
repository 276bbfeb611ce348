"""One settings file: works with no configuration at all; every variable is in docs/settings.md and .env.example."""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels

from aidetect import addresses, env, logs, store_address

BASE_DIR = Path(__file__).resolve().parent.parent
if (BASE_DIR / ".env").is_file():
    environ.Env.read_env(BASE_DIR / ".env")

# --- Places -----------------------------------------------------------------------------------------------------------
DATA_DIR = env.read("DATA_DIR", BASE_DIR, "a folder for everything that is stored", Path).absolute()
RUN_DIR = env.read("RUN_DIR", DATA_DIR / ".run", "a folder for sockets, the cache and the secret key", Path).absolute()
MEDIA_ROOT = env.read("MEDIA_ROOT", DATA_DIR / "media", "a folder for uploads and trained detectors", Path).absolute()
SHIPPED_DETECTORS = BASE_DIR / "classifier" / "shipped"
TRUST_LIST = env.read(
    "TRUST_LIST", BASE_DIR / "classifier" / "provenance" / "trust", "a folder of PEM files of trusted signers", Path
)
MANIFEST = DATA_DIR / "dataset" / "manifest.csv"
FEATURES = MEDIA_ROOT / "features"
STORAGE = env.read("STORAGE_URL", None, store_address.EXPECTED, store_address.parse)
SERVE_FILES = env.choice("SERVE_FILES", "app", ("app", "nginx", "signed") if STORAGE else ("app", "nginx"))
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
PAGES = BASE_DIR if (BASE_DIR / "templates").is_dir() else BASE_DIR / "aidetect"  # installed, they are in the package
STATICFILES_DIRS = [PAGES / "static"]
EXAMPLES = PAGES / "static" / "examples"


def _secret_key() -> str:
    """A key of this machine's own, made at the first start and kept where only its user can read it."""
    RUN_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = RUN_DIR / "secret_key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


def _redis_socket() -> Path:
    """The embedded Redis listens here; a Unix socket's path may have 107 bytes at most."""
    path = RUN_DIR / "redis.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"aidetect-{os.getuid()}-{digest}.sock"


# --- Security ---------------------------------------------------------------------------------------------------------
SECRET_KEY = env.text("SECRET_KEY", "", "a long random text") or _secret_key()
DEBUG = env.boolean("DEBUG", False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"], "host names, separated by commas")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [], "origins such as https://example.org, separated by commas")
HTTPS = env.boolean("HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W005",
    "security.W021",
]  # whether other hosts of the domain keep to HTTPS isn't ours
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
NO_PROXIES: list[addresses.Network] = []
NETWORKS = "addresses or networks such as 10.0.0.0/8, separated by commas"


TRUSTED_PROXIES = env.read("TRUSTED_PROXIES", NO_PROXIES, NETWORKS, addresses.networks)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The one other place that pages may show pictures from, and only when an operator says so:
_SIGNED = [STORAGE["endpoint_url"]] if STORAGE and SERVE_FILES == "signed" else []
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:", "data:", *_SIGNED],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- What is accepted -------------------------------------------------------------------------------------------------
MAX_UPLOAD_MB = env.number("MAX_UPLOAD_MB", 100, 0.001, 1000)
MAX_IMPORT_MB = env.number("MAX_IMPORT_MB", 2000, 1, 1_000_000)
MAX_MEGAPIXELS = env.number("MAX_MEGAPIXELS", 200, 0.001, 500)
SMALLEST_SIDE = env.integer("SMALLEST_SIDE", 32, 1, 4096)
MAX_FILES = env.integer("MAX_FILES", 20, 1, 200)
MAX_BATCH_FILES = env.integer("MAX_BATCH_FILES", 2000, 1, 100_000)
MAX_BATCH_MB = env.number("MAX_BATCH_MB", 2000, 0.001, 1_000_000)
CONTACT = env.text("CONTACT", "", "an email address or a web address")
SOURCE_URL = env.text("SOURCE_URL", "", "a web address")
GUEST_CHECKS = env.boolean("GUEST_CHECKS", True)
GUEST_CHECKS_PER_HOUR = env.integer("GUEST_CHECKS_PER_HOUR", 10, 1, 100_000)
MAX_REQUEST_MB = env.number("MAX_REQUEST_MB", 500, 0.001, 1_000_000)
UPLOADS_PER_HOUR = env.integer("UPLOADS_PER_HOUR", 0, 0, 1_000_000)
STORAGE_MB = env.integer("STORAGE_MB", 0, 0, 1_000_000_000)
WEBHOOK_PRIVATE = env.boolean("WEBHOOK_PRIVATE", False)
API_PER_MINUTE = env.integer("API_PER_MINUTE", 120, 1, 100_000)
RETENTION_DAYS = env.integer("RETENTION_DAYS", 0, 0, 36500)
DETECTOR = env.choice("DETECTOR", "thorough", ("thorough", "quick"))
AUDIT_DAYS = env.integer("AUDIT_DAYS", 365, 0, 36500)
SHARE_DAYS = env.integer("SHARE_DAYS", 30, 1, 3650)
AUDIT_SHARE = env.number("AUDIT_SHARE", 0.1, 0, 1)
REVIEW_KINDS = ["contested", "disputed", "disagreeing", "uncertain"]
REVIEW_ORDER = env.some_of("REVIEW_ORDER", REVIEW_KINDS, REVIEW_KINDS)
PROMOTION_MARGIN = env.number("PROMOTION_MARGIN", 0.02, 0, 1)
RESCORE_HISTORY = env.boolean("RESCORE_HISTORY", True)
REVIEW_SCOPE = env.choice("REVIEW_SCOPE", "consent", ("consent", "all"))
DATA_UPLOAD_MAX_NUMBER_FILES = 10 * MAX_FILES
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "classifier.intake.upload_handler.BoundedTemporaryFile",
]

# --- How images are worked on -----------------------------------------------------------------------------------------
BATCH_SIZE = env.integer("BATCH_SIZE", 8, 1, 256)
CLAIM_SECONDS = env.number("CLAIM_SECONDS", 60, 1, 3600)
MAX_ATTEMPTS = env.integer("MAX_ATTEMPTS", 3, 1, 20)
SWEEP_SECONDS = env.number("SWEEP_SECONDS", 5, 0.2, 3600)
REDIS_URL = env.text("REDIS_URL", "", "a Redis address such as redis://localhost:6379/0")
REDIS_SOCKET = _redis_socket()
CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{REDIS_SOCKET}"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 3}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ROUTES = {
    "classifier.train_waiting": {"queue": "training"},
    "classifier.deliver_waiting": {"queue": "hooks"},
}
CELERY_WORKER_POOL = "prefork"  # solo and thread pools ignore time limits
CELERY_WORKER_CONCURRENCY = 1  # TensorFlow uses all cores already; scale by processes
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_LOST_WAIT = 1.0  # seconds until the task of a child that was killed makes room for the next one
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- Django -----------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "classifier",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_htmx",
    "csp",
    "ninja",
]
MIDDLEWARE = [
    "aidetect.middleware.request_id",
    "aidetect.middleware.client_address",
    "aidetect.middleware.health",
    "classifier.api.problems.everywhere",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "classifier.views.doorway.BoundedBody",
    "classifier.views.doorway.OddValues",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "classifier.views.doorway.keep_no_copy",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "classifier.views.doorway.staff_second_factor",
    "classifier.views.recording.staff",
    "aidetect.middleware.trouble",
]
ROOT_URLCONF = "aidetect.urls"
WSGI_APPLICATION = "aidetect.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PAGES / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STORAGES = {
    "default": {"BACKEND": "aidetect.store.ObjectStore", "OPTIONS": STORAGE}
    if STORAGE
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
CACHES = {
    "default": {
        # Shared by the web processes and alive without Redis: allauth counts log-in attempts in it.
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": RUN_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 2000},
    }
}


DATABASES = {
    "default": env.read(
        "DATABASE_URL",
        addresses.database(f"sqlite:///{DATA_DIR / 'db.sqlite3'}"),
        "sqlite:////absolute/path or postgres://user:password@host/name",
        addresses.database,
    )
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_PREVENT_ENUMERATION = "strict"  # sign-up and password reset answer alike, whether an address is known or not
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
SIGNUP = env.choice("SIGNUP", "open", ("open", "invited", "closed"))
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key",
    "reauthenticate": "5/5m/user",  # whatever else asks for the password of somebody who is signed in
    "change_password": "5/5m/user",
}
ACCOUNT_ADAPTER = "classifier.accounts.adapter.AccountAdapter"
STAFF_SECOND_FACTOR = env.boolean("STAFF_SECOND_FACTOR", False)
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {"add_webauthn": "classifier.forms.second_step.AddKeyForm"}
MFA_TOTP_ISSUER = "aidetect"
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS  # on this machine itself, the only one where browsers allow that

_MAIL = env.read(
    "EMAIL_URL", addresses.mail("consolemail://"), "consolemail:// or smtp+tls://user:password@host:587", addresses.mail
)
EMAIL_BACKEND = str(_MAIL["EMAIL_BACKEND"])
EMAIL_HOST, EMAIL_PORT = _MAIL.get("EMAIL_HOST", "localhost"), _MAIL.get("EMAIL_PORT", 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.get("EMAIL_HOST_USER", ""), _MAIL.get("EMAIL_HOST_PASSWORD", "")
EMAIL_TIMEOUT = 10
EMAIL_IS_SENT = not EMAIL_BACKEND.endswith("console.EmailBackend")
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if EMAIL_IS_SENT else "none"  # who can't get an email can't confirm one
MFA_ALLOW_UNVERIFIED_EMAIL = not EMAIL_IS_SENT
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.get("EMAIL_USE_TLS", False), _MAIL.get("EMAIL_USE_SSL", False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "aidetect@localhost", "an email address")

LANGUAGE_CODE = "en"
TIME_ZONE = env.text("TIME_ZONE", "UTC", "a time zone such as Europe/Vienna")
USE_TZ = True
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # twenty sentences overflow a cookie
MESSAGE_TAGS = {message_levels.ERROR: "danger", message_levels.DEBUG: "secondary"}

# --- What operators are told ------------------------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", "plain", ("plain", "json"))
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ERROR_MAIL = env.words("ERROR_MAIL", [], "email addresses, separated by commas")
ADMINS = [(address, address) for address in ERROR_MAIL]
EMAIL_SUBJECT_PREFIX, LOGGING = "[aidetect] ", logs.configuration(LOG_FORMAT, mail=bool(ADMINS))
METRICS_TOKEN = env.text("METRICS_TOKEN", "", "a long random text")
METRICS_FROM = env.read("METRICS_FROM", NO_PROXIES, NETWORKS, addresses.networks)
if SENTRY_DSN := env.text("SENTRY_DSN", "", "the address of a Sentry project"):
    logs.report_to_sentry(SENTRY_DSN)
