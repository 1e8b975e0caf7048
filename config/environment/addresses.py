"""Reads the addresses among the settings: the site's own ones, and where the other servers are."""

import re
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from config.environment.variables import items, refuse, text

POSTGRES = ("postgres", "postgresql", "pgsql")
REDIS = ("redis", "rediss", "unix")
DEFAULT_PORTS = {"http": 80, "https": 443}
CERTIFICATES = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}
# What Podium's own addresses begin with: config/wsgi.py couldn't tell them from the path that a proxy left there.
OWN = (
    "accounts", "admin", "api", "healthz", "invitations", "invite", "jobs", "language", "metrics", "p", "people",
    "preferences", "projects", "readyz", "shared", "static", "styleguide", "theme", "tour",
)  # fmt: skip
# How long a connection to another machine may be silent, where the kernel would wait 15 minutes or 2 hours: about 10
# seconds. A long statement is no silence, for its machine answers probes. For a Unix socket libpq ignores it all.
SILENCE = {"tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
SSL_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


# --- The site's own -------------------------------------------------------------------------------------------------


def hosts(name: str, default: str) -> list[str]:
    return items(name, default, host)


def host(name: str, value: str) -> str:
    """Reads a name or an address without scheme, port and path; `.example.org` and `*.example.org` mean all below
    it."""
    if value == "*":
        return value
    value = f"[{value}]" if value.count(":") > 1 and not value.startswith("[") else value
    pattern = value.removeprefix("*").lower()
    if not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-f:.]+\]", pattern):
        refuse(name, value, "it lists names without scheme, port and path, e.g. podium.example.org,localhost.")
    return in_ascii(name, pattern)


def origins(name: str) -> list[str]:
    return items(name, "", origin)


def origin(name: str, value: str) -> str:
    """Gives scheme, host and port as a browser writes them in `Origin`: small letters, no slash, no port that goes
    without saying."""
    example = "it lists addresses with scheme and without path, e.g. https://podium.example.org."
    parts = split(name, value, example)
    wrong = parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.username is not None
    if wrong or parts.path.strip("/") or parts.query or parts.fragment:
        refuse(name, hidden(value), example)
    where = in_ascii(name, parts.hostname or "")
    where = f"[{where}]" if ":" in where else where
    return f"{parts.scheme}://{where}" + ("" if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f":{parts.port}")


def path_prefix(name: str) -> str:
    """Reads the path below which the site is reached, '' for the root, else with a slash in front and none behind."""
    value = text(name)
    path = value.strip("/")
    if path and not re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", path):
        refuse(name, value, "it is a path of letters, digits and -._~, e.g. /podium.")
    if path.partition("/")[0] in OWN:
        refuse(name, value, f"Podium's own addresses begin with {', '.join(OWN)}: take another path, e.g. /podium.")
    return f"/{path}" if path else ""


def webs(name: str, default: str) -> str:
    """Reads the addresses of HTTP servers of one kind, with commas between them, without a slash behind each."""
    found = items(name, default, web)
    if not found:
        refuse(name, text(name), "it is an address, or several with commas, e.g. http://a:8001,http://b:8001.")
    return ",".join(found)


def optional_web(name: str) -> str:
    """Reads the address of an HTTP server, '' where it isn't set."""
    return web(name, text(name)) if text(name) else ""


def web(name: str, value: str) -> str:
    """Reads the address of an HTTP server, without a slash behind."""
    example = "it is an address, e.g. http://127.0.0.1:8001."
    parts = split(name, value, example)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
        refuse(name, value, example)
    return value.rstrip("/")


def rewards_server(name: str, value: str) -> str:
    """Reads PROJECT=vllm:URL or PROJECT=tei:URL. Only what computes rewards takes it apart; the token in it isn't
    shown."""
    project, _, rest = value.partition("=")
    kind, _, url = rest.partition(":")
    example = "it is PROJECT=vllm:URL or PROJECT=tei:URL, e.g. helpful=vllm:http://gpu.example:8000."
    if not re.fullmatch(r"[-a-zA-Z0-9_]+", project) or kind not in ("vllm", "tei"):
        refuse(name, hidden(value), example)
    parts = split(name, url, example)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
        refuse(name, hidden(value), example)
    return value


# --- Other servers --------------------------------------------------------------------------------------------------


def database(name: str, default: str) -> dict[str, Any]:
    """Gives Django's settings of a PostgreSQL."""
    url = text(name, default)
    example = (
        "it is postgresql://USER:PASSWORD@HOST:5432/NAME, where a character of the password such as @ : / # or % is "
        "written %40 %3A %2F %23 %25."
    )
    parts = split(name, url, example)
    if parts.scheme not in POSTGRES:
        refuse(name, hidden(url), f"Podium needs PostgreSQL: {example}")
    if parts.fragment or not parts.path.strip("/"):
        refuse(name, hidden(url), example)
    import dj_database_url  # it loads Django, which a health check of a container can do without

    found: dict[str, Any] = {**dj_database_url.parse(url)}
    # The pool replaces CONN_MAX_AGE: threads of the web server share a few connections. Where the database is away, a
    # request waits so long and is answered 503. A connection is looked at before it is lent (config/servers/database):
    # one that a restarted database has forgotten fails nobody's request.
    # A server that comes back is asked anew by the next request: the pool's own tries are further and further apart.
    pool = {"min_size": 1, "max_size": 16, "timeout": 4, "reconnect_timeout": 4}
    options = {"connect_timeout": 3, **SILENCE, **found.get("OPTIONS", {}), "pool": pool}
    return found | {"ENGINE": "config.servers.database", "CONN_MAX_AGE": 0, "OPTIONS": options}


@dataclass(frozen=True, eq=False)
class Redis:
    """One address as redis-py and Celery spell it, each of which reads the other's differently or not at all.

    `ssl` is for Celery, which would else speak without TLS to `rediss://`, or check no certificate."""

    url: str
    broker_url: str
    ssl: dict[str, Any] | None
    sentinels: tuple[tuple[str, int], ...] = ()  # who knows where the master is, if the address names none itself
    master: str = ""
    options: dict[str, Any] = field(default_factory=dict)  # of a connection to it
    transport_options: dict[str, Any] = field(default_factory=dict)  # Celery's

    def client(self, **options: Any) -> Any:
        """Makes redis-py's client. It asks the Sentinels anew for each connection, so a new master is found."""
        import redis  # a health check of a container can do without
        from redis.sentinel import Sentinel

        if not self.sentinels:
            return redis.Redis.from_url(self.url, **options)
        make: Any = Sentinel  # which has no types
        asked = make(self.sentinels, sentinel_kwargs=self.transport_options["sentinel_kwargs"])
        return asked.master_for(self.master, **{**self.options, **options})


def redis(name: str, default: str) -> Redis:
    url = text(name, default)
    example = "it is redis://:PASSWORD@HOST:6379/0, rediss:// for TLS, or unix:///PATH?db=0."
    parts = split(name, url, example)
    if parts.scheme not in REDIS or parts.fragment or not (parts.path if parts.scheme == "unix" else parts.hostname):
        refuse(name, hidden(url), example)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    database_number = query.pop("db", "" if parts.scheme == "unix" else parts.path.strip("/")) or "0"
    if not (database_number.isascii() and database_number.isdigit()):
        refuse(name, hidden(url), f"its database is a number: {example}")
    if parts.scheme == "unix":
        return Redis(url, f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database_number}", None)
    tls = {key: query.pop(key) for key in list(query) if key.startswith("ssl_")}
    if query:
        refuse(name, hidden(url), f"{', '.join(query)} is not understood there: {example}")
    if tls and parts.scheme == "redis":
        refuse(name, hidden(url), f"{', '.join(tls)} goes with rediss:// only.")
    plain = f"{parts.scheme}://{parts.netloc}/{database_number}"
    return Redis(plain, plain, None) if parts.scheme == "redis" else over_tls(plain, certificates(name, url, tls))


def over_tls(plain: str, options: dict[str, Any]) -> Redis:
    texts = {key: str(value) for key, value in options.items()}
    texts["ssl_cert_reqs"] = options["ssl_cert_reqs"].name.removeprefix("CERT_").lower()
    return Redis(f"{plain}?{urlencode(texts)}", plain, options)


def certificates(name: str, url: str, written: dict[str, str]) -> dict[str, Any]:
    """Gives redis-py's and Celery's options from either spelling. The server's certificate is checked unless told not
    to."""
    example = (
        "of TLS it understands ssl_cert_reqs=required, optional or none, ssl_check_hostname=true or false, and the "
        "files ssl_ca_certs, ssl_certfile and ssl_keyfile."
    )
    needed = written.pop("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    host_checked = written.pop("ssl_check_hostname", "true" if needed != "none" else "false").lower()
    if needed not in CERTIFICATES or host_checked not in ("true", "false") or not set(written) <= set(SSL_FILES):
        refuse(name, hidden(url), example)
    return {"ssl_cert_reqs": CERTIFICATES[needed], "ssl_check_hostname": host_checked == "true", **written}


# --- Both -----------------------------------------------------------------------------------------------------------


def split(name: str, value: str, example: str) -> SplitResult:
    """Raises WrongSetting for what can't be taken apart, a port that is none included."""
    try:
        parts = urlsplit(value)
        if "://" not in value or re.search(r"\s", value) or parts.port == 0:
            raise ValueError
    except ValueError:
        refuse(name, hidden(value), example)
    return parts


def hidden(url: str) -> str:
    """Gives the address without its password, however it is spelt."""
    start, end = url.find("://") + 3 if "://" in url else 0, url.rfind("@")
    user, colon, _ = url[start : max(start, end)].partition(":")
    shown = f"{url[:start]}{user}:***{url[end:]}" if colon else url
    return re.sub(r"(?i)(password=)[^&]*", r"\1***", shown)


def in_ascii(name: str, value: str) -> str:
    """Writes a name with other letters as browsers send it: `bücher.example` becomes `xn--bcher-kva.example`."""
    try:
        return (value if value.isascii() else value.encode("idna").decode("ascii")).rstrip(".")
    except UnicodeError:
        refuse(name, value, "this can't be a host's name.")
