"""Django settings. Everything that differs between machines comes from the environment; see docs/operating.md."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from config import logs
from config.environment import addresses, direct, folders, sentinels, storage, variables
from config.environment.time_zone import time_zone
from config.servers import embedded

BASE_DIR = folders.REPOSITORY
DATA_DIR = folders.data_directory()

DEBUG = variables.flag("PODIUM_DEBUG")
SECRET_KEY = variables.text("SECRET_KEY") or embedded.secret_key(DATA_DIR)
ALLOWED_HOSTS = addresses.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = addresses.origins("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "config.http.refusals.csrf_failure"
PATH = addresses.path_prefix("PODIUM_PATH")  # below which the site is reached; '' for the root
FORCE_SCRIPT_NAME = PATH or None

INSTALLED_APPS = [
    "config",
    "jobs",
    "labeling",
    "rewardtrain",
    "operations",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "csp",
    "django_htmx",
    "django_prometheus",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "knox",
    "rest_framework",
]

MIDDLEWARE = [
    "config.http.proxies.VisitorsAddress",  # first, so that nothing sees another address
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "labeling.requests.throttle.Throttle",  # before all that costs
    "labeling.requests.turns.Turns",
    "django.middleware.security.SecurityMiddleware",
    "config.http.import_map.Policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "labeling.requests.body_limit.BodyLimit",  # before the body is read for the form's token
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "labeling.requests.middleware.PersonsLanguage",
    "labeling.requests.middleware.AttemptLimits",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

# Data
DATABASES = {"default": addresses.database("DATABASE_URL", embedded.database_url(DATA_DIR))}
if variables.text("PODIUM_DATABASE_REPLICA_URL"):  # exports and reports are read there: jobs/replica.py
    DATABASES["replica"] = addresses.database("PODIUM_DATABASE_REPLICA_URL", "")
REPLICA_SECONDS = variables.number("PODIUM_DATABASE_REPLICA_SECONDS", 2, least=0, most=60)
direct.check()  # where DATABASE_URL is a pool's: manage.py gives some commands the other one
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "labeling.User"

MODEL_DIR = folders.folder("PODIUM_MODEL_DIR", DATA_DIR / "models")
PRIVATE = {
    "file_permissions_mode": 0o600,
    "directory_permissions_mode": 0o700,
}  # see config/environment/file_permissions.py
STORAGES = {
    # Frozen dataset versions, training folders and reward models.
    "models": storage.bucket("PODIUM_STORAGE")
    or {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": MODEL_DIR, **PRIVATE}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# What this machine keeps of artifacts that are in a bucket, so that none is fetched each time.
COPIES_BYTES = variables.number("PODIUM_STORAGE_COPIES_GB", 50, least=1, most=1_000_000) * 10**9
STATIC_URL = f"{PATH}/static/"
STATIC_ROOT = folders.folder("PODIUM_STATIC_ROOT", DATA_DIR / "static")
NODE_MODULES = BASE_DIR / "node_modules"
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "static"]
# The browser libraries that pages use, each served under vendor/NAME/ and nothing else of node_modules.
for prefix, folder in {
    "vendor/htmx": "htmx.org/dist",
    "vendor/sortablejs": "sortablejs",
    "vendor/uplot": "uplot/dist",
    "vendor/source-sans": "@fontsource-variable/source-sans-3",
    "vendor/source-serif": "@fontsource-variable/source-serif-4",
    "vendor/jetbrains-mono": "@fontsource/jetbrains-mono",
    "vendor/stix-two-math": "@fontsource/stix-two-math/files",
}.items():
    if (NODE_MODULES / folder).is_dir():
        STATICFILES_DIRS.append((prefix, NODE_MODULES / folder))
WHITENOISE_MANIFEST_STRICT = False

# Celery: the row is the truth and the message a notice, so messages are small, late-acknowledged and may be lost.
REDIS = sentinels.redis("REDIS_URL", embedded.redis_url(DATA_DIR))
REDIS_URL, CELERY_BROKER_URL, CELERY_BROKER_USE_SSL = REDIS.url, REDIS.broker_url, REDIS.ssl
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A training outlasts any such limit; its second delivery would change nothing, but once an hour is noise enough.
# And without the broker a door doesn't wait for it: what it would have said, a sweep finds. Where the way to it is cut
# nothing says so: who sends gives up after seconds, and a worker whose reply is overdue connects anew.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "max_retries": 0,
    "socket_connect_timeout": 2,
    "socket_timeout": 4,
    "socket_keepalive": True,
    "health_check_interval": 5,
    **REDIS.transport_options,
}
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "rewardtrain.tasks.sweep", "schedule": timedelta(seconds=5), "options": {"expires": 5}},
    "keep_up": {"task": "rewardtrain.tasks.keep_up", "schedule": timedelta(minutes=1), "options": {"expires": 60}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

# Login
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["labeling.people.password_hashing.WaitingPBKDF2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_ADAPTER = "labeling.people.accounts.AccountAdapter"  # closes sign-up: people come by invitation
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {"change_password": "labeling.people.accounts.CountedChangePassword"}
MFA_FORMS = {
    "authenticate": "labeling.people.accounts.CountedCode",
    "reauthenticate": "labeling.people.accounts.CountedCodeAgain",
}
# One guard against guessing, in the database, so that it holds over several processes: labeling/people/signin.py. axes
# asks it before each login, and keeps the journal.
ACCOUNT_RATE_LIMITS = False
AXES_HANDLER = "labeling.people.accounts.LoginGuard"
AXES_LOCK_OUT_AT_FAILURE = False
AXES_COOLOFF_TIME = timedelta(minutes=15)  # how long the journal keeps failures
AXES_LOCKOUT_PARAMETERS = ["username"]
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W006"]  # that axes counts no addresses: LoginGuard does
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# HTTPS is the proxy's; PODIUM_HTTPS=1 says that there is one and closes the plain door.
HTTPS = variables.flag("PODIUM_HTTPS")
# How many proxies stand in front, each of which adds to X-Forwarded-For; see config/http/proxies.py.
TRUSTED_PROXIES = variables.number("PODIUM_TRUSTED_PROXIES", 0, least=0, most=10)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
# Copies on several ports or below several paths of one host must not log each other out: a cookie knows no port, and
# one of the root is sent to every path.
SESSION_COOKIE_NAME = variables.cookie_name("PODIUM_SESSION_COOKIE", "podium_session" + PATH.replace("/", "_"))
CSRF_COOKIE_NAME = "csrftoken" if SESSION_COOKIE_NAME == "podium_session" else f"{SESSION_COOKIE_NAME}_csrf"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = PATH or "/"
X_FRAME_OPTIONS = "DENY"
# Nothing but our own files, and nothing inline. Trusted Types would be the next lock; htmx assigns innerHTML, so no.
CONTENT_SECURITY_POLICY = {
    "EXCLUDE_URL_PREFIXES": [],
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "script-src-attr": ["'none'"],
        "style-src": ["'self'"],
        "style-src-attr": ["'none'"],
        "font-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # the second factor's QR code, and Swagger UI's icons
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    },
}

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "labeling.api.rest.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["labeling.api.rest.parsing.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "labeling.api.rest.schema.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    # Our exports take ?format=, which DRF would read as a renderer's name.
    "URL_FORMAT_OVERRIDE": None,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "labeling.api.rest.exceptions.ExceptionHandler"}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": None}
SPECTACULAR_SETTINGS = {
    "TITLE": "Podium",
    "DESCRIPTION": "Human-preference labeling and reward-model training.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,  # what is only read is no part of what is sent
    "SERVERS": [{"url": PATH}] if PATH else [],
    "ENUM_NAME_OVERRIDES": {
        "AssignmentState": "labeling.models.Assignment.State",
        "ImportState": "labeling.models.Import.STATES",
        "RunState": "rewardtrain.models.TrainingRun.State",
        "RunDepth": "rewardtrain.models.TrainingRun.Depth",
        "PromptState": "labeling.api.prompt_rows.STATE_NAMES",
        "BulkActKind": "labeling.models.BulkAct.Act",
        "ReviewActKind": "labeling.models.ReviewAct.Act",
        "ReviewState": "labeling.models.ReviewCase.State",
        "ReviewReason": "labeling.models.ReviewCase.Reason",
        "ReviewOutcome": "labeling.models.ReviewCase.Outcome",
        "RoleEnum": "labeling.models.Role",
        "ProjectKind": "labeling.models.Project.Kind",
        "AttributeKind": "labeling.projects.asks.KINDS",
        "TurnRole": "formats.messages.ROLES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 2**20

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.date_formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = time_zone("TZ")

# One beat of a run every few seconds; after RUN_STALE_SECONDS without one the run is given to another worker.
RUN_STALE_SECONDS = variables.number("PODIUM_RUN_STALE_SECONDS", 60, least=2, most=86_400)

# Hugging Face ids and folders that projects may train on beside 'minilm' and their own models.
BACKBONES = variables.items("PODIUM_BACKBONES", "", variables.backbone)

# A fine-tuning, for which nobody waits: how far it gives way to everything else, and its CPU threads.
TRAIN_PRIORITY = variables.choice("PODIUM_TRAIN_PRIORITY", "idle", ("idle", "low"))
TRAIN_THREADS = variables.optional_number("PODIUM_TRAIN_THREADS", least=1, most=1024)

# Where fine-tunings go; a project that chose none has the first. What a project may ask of a cluster follows.
EXECUTORS = variables.items("PODIUM_EXECUTORS", "local", variables.executor) or ["local"]
SLURM_PARTITIONS = variables.items("PODIUM_SLURM_PARTITIONS", "", variables.partition)
SLURM_GPUS = variables.number("PODIUM_SLURM_GPUS", 8, least=0, most=64)
SLURM_NODES = variables.number("PODIUM_SLURM_NODES", 1, least=1, most=64)
SLURM_HOURS = variables.number("PODIUM_SLURM_HOURS", 24, least=1, most=1000)
SLURM_TEMPLATE = variables.whole_path("PODIUM_SLURM_TEMPLATE")
SLURM_MODEL_DIR = variables.whole_path("PODIUM_SLURM_MODEL_DIR")  # PODIUM_MODEL_DIR as the cluster's nodes see it
KUBERNETES_CONFIG = variables.whole_path("PODIUM_KUBERNETES_CONFIG")
KUBERNETES_NAMESPACE = variables.kubernetes_name(
    "PODIUM_KUBERNETES_NAMESPACE", variables.text("PODIUM_KUBERNETES_NAMESPACE", "podium")
)
KUBERNETES_IMAGE = variables.image("PODIUM_KUBERNETES_IMAGE")
KUBERNETES_VOLUME = variables.kubernetes_volume("PODIUM_KUBERNETES_VOLUME")
KUBERNETES_MODEL_DIR = variables.whole_path("PODIUM_KUBERNETES_MODEL_DIR")  # likewise, as pods see it
KUBERNETES_QUEUES = variables.items("PODIUM_KUBERNETES_QUEUES", "", variables.kubernetes_name)
KUBERNETES_GPUS = variables.number("PODIUM_KUBERNETES_GPUS", 8, least=0, most=64)
KUBERNETES_GPU = variables.kubernetes_resource("PODIUM_KUBERNETES_GPU", "nvidia.com/gpu")
KUBERNETES_NODES = variables.number("PODIUM_KUBERNETES_NODES", 1, least=1, most=64)
KUBERNETES_HOURS = variables.number("PODIUM_KUBERNETES_HOURS", 24, least=1, most=1000)
KUBERNETES_TEMPLATE = variables.whole_path("PODIUM_KUBERNETES_TEMPLATE")
SKYPILOT_URL = addresses.optional_web("PODIUM_SKYPILOT_URL")  # its API server
SKYPILOT_TOKEN_FILE = variables.whole_path("PODIUM_SKYPILOT_TOKEN_FILE")
SKYPILOT_IMAGE = variables.image("PODIUM_SKYPILOT_IMAGE")
SKYPILOT_ACCELERATORS = variables.items("PODIUM_SKYPILOT_ACCELERATORS", "", variables.accelerator)
SKYPILOT_GPUS = variables.number("PODIUM_SKYPILOT_GPUS", 8, least=0, most=64)
SKYPILOT_NODES = variables.number("PODIUM_SKYPILOT_NODES", 1, least=1, most=64)
SKYPILOT_HOURS = variables.number("PODIUM_SKYPILOT_HOURS", 24, least=1, most=1000)
SKYPILOT_TEMPLATE = variables.whole_path("PODIUM_SKYPILOT_TEMPLATE")
# Where jobs of a cluster reach the web. They ask there for the bucket's files; a shared folder needs none of it.
JOBS_URL = addresses.optional_web("PODIUM_JOBS_URL")
if EXECUTORS != ["local"] and variables.text("PODIUM_STORAGE") and not JOBS_URL:
    needed = "with PODIUM_STORAGE set PODIUM_JOBS_URL, where jobs reach the web, e.g. https://podium.example.org."
    variables.refuse("PODIUM_EXECUTORS", ",".join(EXECUTORS), needed)

# The scoring service: where it listens, where the other processes find it, and how it computes.
REWARDS_PORT = variables.port("PODIUM_REWARDS_PORT", 8001)
REWARDS_URL = addresses.webs("PODIUM_REWARDS_URL", f"http://127.0.0.1:{REWARDS_PORT}")  # several with commas
# Seconds for which one that was told to end goes on answering and says that it isn't ready: a balancer looks so often.
REWARDS_DRAIN = variables.number("PODIUM_REWARDS_DRAIN", 0, least=0, most=3600)
# By project, a vLLM or Text Embeddings Inference that holds its champion. The operator's alone: whoever may write an
# address here has this machine's network sent requests.
REWARDS_SERVERS = variables.items("PODIUM_REWARDS_SERVERS", "", addresses.rewards_server)
# Models in memory, those on one backbone counted once.
REWARDS_ROOM = variables.number("PODIUM_REWARDS_ROOM", 4, least=1, most=1000)
REWARDS_DTYPE = variables.choice("PODIUM_REWARDS_DTYPE", "float32", ("float32", "bfloat16", "float16", "auto"))
REWARDS_THREADS = variables.optional_number("PODIUM_REWARDS_THREADS", least=1, most=1024)

LOG = variables.choice("PODIUM_LOG", "text", tuple(logs.FORMATTERS))
LOGGING_CONFIG = "config.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": logs.FORMATTERS[LOG]}},
    "filters": {
        "floods": {"()": "config.logs.Without", "status": 429},
        "accounts": {"()": "config.logs.WithoutAccounts"},
        "threads": {"()": "config.logs.Without", "words": "Configuration allows spawning up to"},  # of Granian's start
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["accounts"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"level": "INFO"},  # without its own handlers, which write without a time
        "django.request": {"filters": ["floods"]},  # a line for each fills a disk; the throttle says who sends them
        "axes": {"level": "WARNING"},
        # The sweep runs every few seconds; its two lines each time would bury what matters.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},  # its name for all that it says of its start; serving says it in a line
    },
}
