"""Django settings. Everything an operator may change comes from the environment: see options.py and docs/settings.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.admin.theme import UNFOLD  # noqa: F401  (a setting: the admin's look)
from config.engines import locations
from config.options import OPTIONS, Option
from config.secrets import read_or_create_secret

_env = environ.Env()
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _read(option: Option) -> Any:
    try:
        return getattr(_env, option.kind)(option.name, default=option.default)
    except ValueError as error:
        raise ImproperlyConfigured(f"{option.name} is {_env.str(option.name)!r}; it must be a number.") from error


#: The value of every option, read once, of the type that options.py states.
OPTION: dict[str, Any] = {option.name: _read(option) for option in OPTIONS}
OPTION["LOG_LEVEL"] = OPTION["LOG_LEVEL"].upper()
if OPTION["LOG_LEVEL"] not in LOG_LEVELS:
    raise ImproperlyConfigured(f"LOG_LEVEL is {OPTION['LOG_LEVEL']!r}; choose one of {', '.join(LOG_LEVELS)}.")

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = (BASE_DIR / OPTION["DATA_DIR"]).resolve()
SECRETS_DIR = DATA_DIR / "secrets"

DEBUG = OPTION["DEBUG"]
SECRET_KEY = OPTION["SECRET_KEY"] or read_or_create_secret(SECRETS_DIR, "secret_key")
SECRET_KEY_FALLBACKS = OPTION["SECRET_KEY_FALLBACKS"]
# Supervisor and host agent reach the site by the loopback address, whatever name it has outside.
ALLOWED_HOSTS = [*OPTION["ALLOWED_HOSTS"], "localhost", "127.0.0.1", "[::1]"]
if OPTION["HOST"] not in {"0.0.0.0", "::", *ALLOWED_HOSTS}:  # noqa: S104  (compared, not bound)
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, OPTION["HOST"]]
PUBLIC_URL = (OPTION["PUBLIC_URL"] or f"http://{OPTION['HOST']}:{OPTION['PORT']}").rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the theme without its own admin site: ours is config.admin.site
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "config.admin.apps.PostlaunchAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_celery_beat",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config",
    "monitoring",
    "knowledgebase",
    "alerts",
    "feedback",
    "experiments",
    "incidents",
]

MIDDLEWARE = [
    "monitoring.own_telemetry.requests.RecordOwnRequests",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "monitoring.ingestion.middleware.DoorsFirst",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------------------------
if OPTION["DATABASE_URL"]:
    _database = _env.db_url_config(OPTION["DATABASE_URL"], engine="django.db.backends.postgresql")
else:
    _database = locations.postgres_settings(DATA_DIR)
DATABASES = {
    "default": {
        **_database,
        # One connection a thread, kept; checked before use so that a restarted server costs a request nothing.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_database.get("OPTIONS", {}), "connect_timeout": 5, "application_name": "postlaunch"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Cache and queues -----------------------------------------------------------------------------------------------
if OPTION["REDIS_URL"]:
    _redis = OPTION["REDIS_URL"].rstrip("/")
    CELERY_BROKER_URL, _cache_url = f"{_redis}/0", f"{_redis}/1"
else:
    CELERY_BROKER_URL, _cache_url = locations.valkey_broker_url(DATA_DIR), locations.valkey_url(DATA_DIR, 1)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _cache_url,
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
        "KEY_PREFIX": "postlaunch",
    }
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # no results are kept, so beat needs no task that cleans them up
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# What a killed worker had taken comes back after this long; every deadline is a row in the database, so nothing waits for it.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 30}
CELERY_BEAT_SCHEDULER = "config.schedules:Scheduler"
CELERY_TIMEZONE = "UTC"

# --- People, languages, time ----------------------------------------------------------------------------------------
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LANGUAGE_CODE = "en"
TIME_ZONE = OPTION["TIME_ZONE"]
USE_I18N = True
USE_TZ = True

# --- Files ----------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
# Rooms keep their own static files under <app>/static/; whitenoise serves them straight from there, so nothing has to
# be collected before the first start, and there is no place to collect into.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 3600

# --- Mail -----------------------------------------------------------------------------------------------------------
_email = _env.email_url_config(OPTION["EMAIL_URL"])
EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"], _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = OPTION["EMAIL_TIMEOUT_SECONDS"]
DEFAULT_FROM_EMAIL = SERVER_EMAIL = OPTION["EMAIL_FROM"]

# --- Security -------------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "config.pages.failures.show_csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "django.contrib.sessions.backends.db"
if OPTION["SECURE"]:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_SSL_REDIRECT = True
    # People are led to HTTPS. Programs are not: a redirected POST loses its body, and supervisor, host agent and load
    # balancers speak plain HTTP on this machine.
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$", r"^(api/v1|prometheus|otlp)/"]
# Whether neighbouring subdomains are served over HTTPS too, and for good, is not ours to promise.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
#: Whether the product records its own requests, queries and errors.
RECORD_ITSELF = OPTION["RECORD_ITSELF"]
DATA_UPLOAD_MAX_MEMORY_SIZE = OPTION["MAX_BODY_BYTES"]

# --- REST -----------------------------------------------------------------------------------------------------------
#: Finds the key a client sent; named, not imported, because the kernel imports no room.
API_KEY_RESOLVER = "monitoring.applications.selectors.find_grant"
#: Notes that a key was used; takes key_id.
API_KEY_USE_NOTER = "monitoring.applications.services.note_key_use"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["config.api.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["config.api.throttling.KeyThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "config.api.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.api.errors.handle_exception",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Postlaunch",
    "DESCRIPTION": "What the ERP reports, and everything the support team does with it.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # One name for a set of choices that several fields share.
    "ENUM_NAME_OVERRIDES": {
        "LogSeverityEnum": "monitoring.logs.enums.Severity",
        "ErrorLevelEnum": "monitoring.errors.enums.Level",
        "AlertStateEnum": "alerts.enums.AlertState",
        "AlertCauseEnum": "alerts.enums.AlertCause",
        "CheckStateEnum": "monitoring.uptime.enums.STATE_CHOICES",
        "CheckKindEnum": "monitoring.uptime.enums.KIND_CHOICES",
        "DeliveryStateEnum": "config.deliveries.enums.State",
        "IssueStateEnum": "monitoring.errors.enums.IssueState",
        "DeliveryChannelEnum": "config.deliveries.enums.Channel",
        "ChannelKindEnum": "alerts.enums.ChannelKind",
        "HoldKindEnum": "alerts.enums.HoldKind",
        "NoteKindEnum": "alerts.enums.NoteKind",
        "AlertSeverityEnum": "alerts.enums.Severity",
        "PatternKindEnum": "monitoring.errors.enums.PatternKind",
        "PolicyStepKindEnum": "alerts.enums.PolicyStepKind",
        "AlertSourceEnum": "alerts.enums.AlertSource",
        "IncidentLevelEnum": "incidents.enums.IncidentLevel",
        "IncidentSourceEnum": "incidents.enums.IncidentSource",
    },
    "PREPROCESSING_HOOKS": ["config.api.schema.keep_documented_endpoints"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.api.schema.add_documented_paths",
        "config.api.schema.add_problems",
    ],
}

# --- Logging --------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
        **({"itself": {"class": "monitoring.own_telemetry.logs.RecordOwnErrors"}} if RECORD_ITSELF else {}),
    },
    "root": {"handlers": ["stderr", "itself"] if RECORD_ITSELF else ["stderr"], "level": OPTION["LOG_LEVEL"]},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # Several lines for each task of each few seconds; failures are logged above this level.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
