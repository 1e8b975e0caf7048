"""The blocks of docs/install.md in Debian's own nginx and Caddy, below / and below /podium, and the usual mistakes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from django.conf import settings
from playwright.sync_api import Browser, expect
from requests.adapters import HTTPAdapter

from config.processes.healthcheck import answers
from config.servers import embedded
from tests.config.helpers import REPOSITORY, environ, free_port, wait_until
from tests.conftest import missing

PASSWORD = "correct horse battery"
MAKE = f"""
from django.core.management import call_command
from labeling.models import User
from knox.models import AuthToken
user = User.objects.create_superuser("ada", password={PASSWORD!r})
print(AuthToken.objects.create(user)[1])
"""
PLACES = {"nginx": "", "nginx below a path": "/podium", "caddy": "", "caddy below a path": "/podium"}


# --- The blocks, as the documentation has them ------------------------------------------------------------------------


def blocks(language: str) -> list[str]:
    text = (REPOSITORY / "docs" / "install.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


@dataclass(frozen=True)
class Upstream:
    """The ports of what the proxies pass requests on to."""

    root: int
    below: int
    forgotten: int  # without PODIUM_HTTPS
    rewards: int


def nginx_server(port: int, upstream: int, pair: Certificate, *changes: tuple[str, str], path: str = "") -> str:
    """The documented block with this machine's names, and what a test changes in it."""
    server, rewards = blocks("nginx")
    block = server.rstrip().removesuffix("}") + rewards + "}\n"
    here = (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("podium.example.org", "localhost"),
        ("/etc/ssl/podium.pem", str(pair.certificate)),
        ("/etc/ssl/podium.key", str(pair.key)),
        ("127.0.0.1:8000", f"127.0.0.1:{upstream}"),
    )
    below = (("location / {", f"location {path}/ {{"),) if path else ()
    for old, new in (*here, *below, *changes):
        assert old in block, old
        block = block.replace(old, new)
    return block


def caddy_site(port: int, upstream: Upstream, pair: Certificate, *, path: str = "") -> str:
    site, rewards = blocks("caddy")
    block = site.rstrip().removesuffix("}") + rewards + f"tls {pair.certificate} {pair.key}\n}}\n"
    target = upstream.below if path else upstream.root
    below = (("handle {", f"handle {path}* {{"),) if path else ()
    for old, new in (
        ("podium.example.org", f"https://localhost:{port}"),
        ("127.0.0.1:8000", f"127.0.0.1:{target}"),
        ("127.0.0.1:8001", f"127.0.0.1:{upstream.rewards}"),
        *below,
    ):
        assert old in block, old
        block = block.replace(old, new)
    return block


MISTAKES: dict[str, tuple[str, str]] = {
    "no host": ("proxy_set_header Host $http_host;", ""),
    "no scheme": ("proxy_set_header X-Forwarded-Proto $scheme;", ""),
    "no port": ("$http_host", "$host"),
    "no https": (" ssl;", ";"),
}


# --- Everything is started once ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proxies:
    """Where each place and each mistake is reached, and what opens it."""

    addresses: dict[str, str]
    authority: str
    token: str
    variables: dict[str, str]
    web: int  # the port of the web server itself


@pytest.fixture(scope="module")
def proxies(servers: embedded.Lease, needs_torch: None) -> Iterator[Proxies]:
    for program in ("nginx", "caddy", "openssl"):
        if shutil.which(program) is None:
            missing(f"there is no {program}: `apt install nginx-light caddy openssl`")
    folder = Path(tempfile.mkdtemp(prefix="podium-proxies-"))
    folder.chmod(0o755)  # nginx's workers are another user's
    variables = environ(
        DATABASE_URL=embedded.database_url(settings.DATA_DIR),
        REDIS_URL=embedded.redis_url(settings.DATA_DIR),
        SECRET_KEY="for these tests",
        PODIUM_DATA_DIR=str(folder / "data"),
        PODIUM_TRUSTED_PROXIES="1",
    )
    manage("migrate", "--no-input", variables=variables)
    manage("collectstatic", "--no-input", "-v", "0", variables=variables)
    token = manage("shell", "-v", "0", "-c", MAKE, variables=variables).strip()
    upstream = Upstream(*(free_port() for _ in range(4)))
    with ExitStack() as stack:
        sites = {
            upstream.root: {"PODIUM_HTTPS": "1"},
            upstream.below: {"PODIUM_HTTPS": "1", "PODIUM_PATH": "/podium", "ALLOWED_HOSTS": "localhost"},
            upstream.forgotten: {},
        }
        for port, changes in sites.items():
            command = ["-m", "config.processes.web", "--port", str(port), "--workers", "1"]
            stack.enter_context(started([sys.executable, *command], folder, f"web-{port}", variables | changes))
        rewards = ["-m", "manage", "serve_rewards", "--port", str(upstream.rewards)]
        stack.enter_context(started([sys.executable, *rewards], folder, "rewards", variables))
        pair = certificate(folder)
        addresses = write_blocks(folder, upstream, pair)
        nginx = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")]
        caddy = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        stack.enter_context(started(nginx, folder, "nginx", variables))
        stack.enter_context(started(caddy, folder, "caddy", variables | {"HOME": str(folder)}))
        for port in sites:
            wait_until(lambda port=port: healthy(port), 60, lambda: said(folder))  # type: ignore[misc]
        for place in ("nginx", "caddy"):
            wait_until(lambda place=place: reached(addresses[place], pair), 30, lambda: said(folder))  # type: ignore[misc]
        wait_until(lambda: answers(f"http://127.0.0.1:{upstream.rewards}/healthz"), 90, lambda: said(folder))
        yield Proxies(addresses, str(pair.certificate), token, variables, upstream.root)
    shutil.rmtree(folder, ignore_errors=True)


def write_blocks(folder: Path, upstream: Upstream, pair: Certificate) -> dict[str, str]:
    addresses, servers = {}, []
    rewards = ("127.0.0.1:8001", f"127.0.0.1:{upstream.rewards}")

    def add(name: str, target: int, *changes: tuple[str, str], path: str = "") -> None:
        port = free_port()
        scheme = "http" if name == "no https" else "https"
        addresses[name] = f"{scheme}://localhost:{port}{path}"
        servers.append(nginx_server(port, target, pair, rewards, *changes, path=path))

    add("nginx", upstream.root)
    add("nginx below a path", upstream.below, path="/podium")
    for name, change in MISTAKES.items():
        add(name, upstream.root, change)
    add("https forgotten", upstream.forgotten)
    add("another name", upstream.below, MISTAKES["no host"], path="/podium")
    strip = (f"proxy_pass http://127.0.0.1:{upstream.below};", f"proxy_pass http://127.0.0.1:{upstream.below}/;")
    add("path taken off", upstream.below, strip, path="/podium")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{''.join(servers)}}}\n"
    )
    sites = []
    for place, path in (("caddy", ""), ("caddy below a path", "/podium")):
        port = free_port()
        addresses[place] = f"https://localhost:{port}{path}"
        sites.append(caddy_site(port, upstream, pair, path=path))
    (folder / "Caddyfile").write_text("{\nadmin off\nauto_https disable_redirects\n}\n" + "".join(sites))
    return addresses


def certificate(folder: Path) -> Certificate:
    pair = Certificate(folder / "podium.pem", folder / "podium.key")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-out", str(pair.certificate), "-keyout", str(pair.key)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    return pair


@contextmanager
def started(command: list[str], folder: Path, name: str, variables: dict[str, str]) -> Iterator[None]:
    with (folder / f"{name}.out").open("w") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=variables, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def manage(*words: str, variables: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=REPOSITORY,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", headers={"Host": "localhost"}, timeout=5).ok
    except requests.ConnectionError:
        return False


def reached(address: str, pair: Certificate) -> bool:
    try:
        return requests.get(f"{address}/healthz", verify=str(pair.certificate), timeout=5).ok
    except requests.ConnectionError:
        return False


def said(folder: Path) -> str:
    logs = [*folder.glob("*.out"), *folder.glob("*.log")]
    return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)


# --- What a person does -----------------------------------------------------------------------------------------------


class FromAddress(HTTPAdapter):
    def __init__(self, source: str) -> None:
        self.source = source
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self.source, 0))


class Visitor:
    """A browser without scripts: keeps cookies, follows links, sends forms with the Origin that it sees."""

    def __init__(self, address: str, authority: str, *, source: str = "") -> None:
        """`source`: the address on this machine that it comes from."""
        self.address, self.session = address, requests.Session()
        self.session.verify, self.session.trust_env = authority, False  # the machine's own bundle would be taken first
        self.origin = "/".join(address.split("/")[:3])
        if source:
            self.session.mount("https://", FromAddress(source))

    def get(self, path: str) -> requests.Response:
        return self.session.get(self.address + path, timeout=60)

    def send(self, path: str, data: dict[str, str], files: Any = None) -> requests.Response:
        page = self.get(path)
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        data = data | {"csrfmiddlewaretoken": found[1] if found else ""}
        headers = {"Origin": self.origin, "Referer": page.url}
        return self.session.post(page.url, data=data, files=files, headers=headers, timeout=60)

    def log_in(self, name: str = "ada", password: str = PASSWORD) -> requests.Response:
        return self.send("/accounts/login/", {"login": name, "password": password})


@pytest.mark.parametrize("place", PLACES)
def test_the_documented_block_serves_login_upload_label_and_export(proxies: Proxies, place: str) -> None:
    visitor = Visitor(proxies.addresses[place], proxies.authority)
    home = visitor.log_in()
    assert (home.status_code, home.url) == (200, f"{visitor.address}/")
    every_link_stays_below(home.text, PLACES[place])

    slug = place.replace(" ", "-")
    headers = {"Authorization": f"Bearer {proxies.token}"}
    api = f"{visitor.address}/api/v1"
    with requests.Session() as client:
        client.verify, client.trust_env = proxies.authority, False
        client.headers.update(headers)
        made = client.post(f"{api}/projects/", json={"slug": slug, "name": slug}, timeout=60)
        assert made.status_code == 201, made.text
        uploaded = visitor.send(f"/p/{slug}/imports/", {}, {"file": ("prompts.jsonl", large_file())})
        assert "Start the import" in uploaded.text
        lines = {"Content-Type": "application/x-ndjson"}
        loaded = client.post(f"{api}/projects/{slug}/prompts/", data=large_file(), headers=lines, timeout=60)
        assert loaded.json()["created"] == 300
        task = client.post(f"{api}/projects/{slug}/assignments/next/", timeout=60).json()
        tiers = [[completion["id"]] for completion in task["completions"]]
        ranked = client.post(f"{api}/assignments/{task['id']}/ranking/", json={"tiers": tiers}, timeout=60)
        assert ranked.status_code == 201, ranked.text
        exported = client.get(f"{api}/projects/{slug}/export/?format=jsonl&split=all", timeout=60)
        assert len(exported.text.splitlines()) == 1
        rewards = "/".join(visitor.address.split("/")[:3]) + "/rewards/healthz"
        assert client.get(rewards, timeout=60).text.strip() == "ok"


def large_file() -> bytes:
    """3 MB: nginx refuses more than 1 MB unless told otherwise."""
    rows = (
        {
            "id": str(n),
            "prompt": f"{n} " + "why ? " * 1600,
            "completions": [{"id": "a", "text": "so"}, {"id": "b", "text": "no"}],
        }
        for n in range(300)
    )
    return "\n".join(json.dumps(row) for row in rows).encode()


def every_link_stays_below(page: str, path: str) -> None:
    addresses = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
    assert len(addresses) > 10
    assert all(f"{address}/".startswith(f"{path}/") for address in addresses), addresses


# --- Who is believed to ask, and how much may be sent -----------------------------------------------------------------

# All addresses of 127.0.0.0/8 are this machine's, so each visitor has another one than the proxy, which is 127.0.0.1.
ADDRESSES = {place: f"127.0.0.{number}" for number, place in enumerate(PLACES, start=11)}
FORGED = "203.0.113.66"
FORGERIES = {
    "X-Forwarded-For": f"{FORGED}, {FORGED}",
    "X_Forwarded_For": FORGED,
    "X-Forwarded_For": FORGED,
    "Forwarded": f"for={FORGED};proto=http;host=elsewhere.example",
    "X-Real-IP": FORGED,
    "X-Client-IP": FORGED,
    "True-Client-IP": FORGED,
    "CF-Connecting-IP": FORGED,
    "Remote-Addr": FORGED,
    "X_Forwarded_Proto": "http",
}


@pytest.mark.parametrize("place", PLACES)
def test_the_visitor_s_address_is_believed_and_none_that_they_send(proxies: Proxies, place: str) -> None:
    """By what the operator sees of it, and by whom the limit of an address holds up."""
    here = proxies.addresses[place], proxies.authority
    visitor = Visitor(*here, source=ADDRESSES[place])
    visitor.session.headers.update(FORGERIES)
    assert visitor.log_in("nobody", "wrong").status_code == 200
    listed = manage("login_limits", variables=proxies.variables)
    assert f" {ADDRESSES[place]} " in listed
    assert FORGED not in listed
    admin = Visitor(*here)
    admin.log_in()
    journal = admin.get("/admin/axes/accessattempt/").text
    assert ADDRESSES[place] in journal
    assert FORGED not in journal

    with psycopg.connect(proxies.variables["DATABASE_URL"]) as connection:
        spent = "UPDATE labeling_attempts SET count = 60 WHERE kind = 'address' AND subject = %s"
        assert connection.execute(spent, [ADDRESSES[place]]).rowcount == 1
    refused = visitor.log_in("nobody else", "wrong")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    neighbour = Visitor(*here, source="127.0.0.99")
    neighbour.session.headers.update({name: ADDRESSES[place] for name in FORGERIES if name != "X_Forwarded_Proto"})
    assert neighbour.log_in("nobody else", "wrong").status_code == 200


@pytest.mark.parametrize(
    ("address", "length", "sent", "status", "ends"),
    [
        ("/theme/", 3 * 2**20, 0, 413, True),
        ("/theme/", 3 * 2**20, 2**16, 413, True),
        ("/theme/", 11, 11, 403, False),
        ("/api/v1/projects/none/prompts/", 3 * 2**20, 2**16, 401, True),
        ("/api/v1/projects/none/prompts/", None, 2**16, 401, True),
        ("/healthz", 0, 0, 200, False),
    ],
)
def test_a_connection_ends_with_the_answer_to_what_was_not_read(
    proxies: Proxies, address: str, length: int | None, sent: int, status: int, ends: bool
) -> None:
    """And says so, or a proxy asks the next question on it, and answers its visitor with 502."""
    connection = HTTPConnection("127.0.0.1", proxies.web, timeout=60)
    connection.putrequest("POST" if length != 0 else "GET", address)
    size = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
    for name, value in (("X-Forwarded-Proto", "https"), ("Content-Type", "application/json"), size):
        connection.putheader(name, value)
    connection.endheaders()
    piece = b"x" * sent
    connection.send(b"%x\r\n%b\r\n" % (sent, piece) if length is None else piece)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (status, "close" if ends else None)
    assert answer.read()
    connection.close()


@pytest.mark.parametrize("place", PLACES)
def test_a_body_is_as_long_as_documented_and_no_longer(proxies: Proxies, place: str) -> None:
    """An import of 3 MB is in another test. What is over Podium's own limit is refused by Podium's own page."""
    visitor = Visitor(proxies.addresses[place], proxies.authority)
    page = visitor.log_in()
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[0]
    form = {"csrfmiddlewaretoken": token, "theme": "x" * (2 * 2**20)}
    refused = visitor.session.post(f"{visitor.address}/theme/", form, headers={"Referer": page.url}, timeout=60)
    assert refused.status_code == 413
    assert "this address takes at most 2097152" in refused.text

    bearer = {"Authorization": f"Bearer {proxies.token}"}
    project = {"slug": "long-" + place.replace(" ", "-"), "name": place}
    made = visitor.session.post(f"{visitor.address}/api/v1/projects/", json=project, headers=bearer, timeout=60)
    assert made.status_code == 201, made.text
    rewards = "/".join(visitor.address.split("/")[:3]) + f"/rewards/{project['slug']}/score"
    for size, fits in ((31 * 2**20, True), (33 * 2**20, False)):
        body = b'{"prompt": "' + b"x" * size + b'", "completions": ["a"]}'
        try:
            answer = visitor.session.post(rewards, body, headers=bearer, timeout=60)
        except requests.ConnectionError:  # who is refused amid the body may be hung up on before the answer is read
            assert not fits, size
            continue
        assert (answer.status_code != 413) == fits, (size, answer.status_code, answer.text[:200])


def test_the_path_is_in_files_cookies_and_the_api_s_document(proxies: Proxies) -> None:
    visitor = Visitor(proxies.addresses["nginx below a path"], proxies.authority)
    visitor.log_in()
    assert {cookie.path for cookie in visitor.session.cookies} == {"/podium"}
    page = visitor.get("/").text
    files = re.findall(r'(?:href|src)="(/podium/static/[^"]+)"', page)
    assert files
    for file in files:
        assert visitor.session.get(visitor.origin + file, timeout=60).ok, file
    schema = visitor.get("/api/schema/").text
    assert "servers:\n- url: /podium\n" in schema
    for address in ("/admin/", "/metrics", "/readyz", "/api/docs/", "/accounts/2fa/", "/preferences/"):
        assert visitor.get(address).ok, address
    every_link_stays_below(visitor.get("/admin/").text, "/podium")
    assert visitor.session.get(f"{visitor.origin}/podium", timeout=60).url == f"{visitor.address}/"
    assert visitor.get("/nowhere/").status_code == 404
    assert 'href="/podium/"' in visitor.get("/nowhere/").text


def test_a_proxy_that_takes_the_path_off_serves_too(proxies: Proxies) -> None:
    visitor = Visitor(proxies.addresses["path taken off"], proxies.authority)
    assert visitor.log_in().url == f"{visitor.address}/"
    assert visitor.get("/readyz").ok


def test_two_copies_below_two_paths_do_not_log_each_other_out(proxies: Proxies) -> None:
    """A browser sends the root's cookies to every path, whatever the port."""
    root, below = (Visitor(proxies.addresses[place], proxies.authority) for place in ("nginx", "nginx below a path"))
    below.session = root.session
    root.log_in()
    below.log_in()
    for visitor in (root, below, root):
        assert visitor.get("/preferences/").url == f"{visitor.address}/preferences/"
    assert root.send("/accounts/logout/", {}).ok
    assert below.get("/preferences/").url == f"{below.address}/preferences/"


SENTENCES = {
    "no host": ("The proxy replaces the name localhost:", "let it pass on `Host` unchanged"),
    "no scheme": ("PODIUM_HTTPS is on, and the proxy doesn&#x27;t send X-Forwarded-Proto",),
    "no port": ("The port is lost on the way", "`$http_host`, not `$host`"),
    "no https": ("PODIUM_HTTPS is on, and the page was opened with http",),
    "https forgotten": ("Podium doesn&#x27;t know of it: set PODIUM_HTTPS=1.",),
    "another name": ("This Podium has another name", "add that name without its port to ALLOWED_HOSTS"),
}


@pytest.mark.parametrize("mistake", SENTENCES)
def test_each_usual_mistake_gets_its_own_sentence(proxies: Proxies, mistake: str) -> None:
    visitor = Visitor(proxies.addresses[mistake], proxies.authority)
    answer = visitor.get("/") if mistake == "another name" else visitor.log_in()
    assert answer.status_code == (400 if mistake == "another name" else 403)
    for sentence in SENTENCES[mistake]:
        assert sentence in answer.text
    assert "open for too long" not in answer.text
    others = [words[0] for name, words in SENTENCES.items() if name != mistake]
    assert not any(words in answer.text for words in others)


def test_ranking_in_a_browser_below_a_path(proxies: Proxies, chromium: Browser) -> None:
    """Scripts, the import map, fetches and the outbox; nothing is asked for outside of the path."""
    address = proxies.addresses["nginx below a path"]
    headers = {"Authorization": f"Bearer {proxies.token}"}
    api = f"{address}/api/v1/projects/"
    options = {"headers": headers, "verify": proxies.authority, "timeout": 60}
    made = requests.post(api, json={"slug": "browser", "name": "Browser"}, **options)  # type: ignore[arg-type]
    assert made.ok, made.text
    lines = {**headers, "Content-Type": "application/x-ndjson"}
    loaded = requests.post(f"{api}browser/prompts/", data=large_file(), **{**options, "headers": lines})  # type: ignore[arg-type]
    assert loaded.ok, loaded.text
    with chromium.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/p/browser/rank/")
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        with page.expect_response("**/ahead/"):  # else it may come after the answer, and find it given
            page.get_by_role("button", name="Log in").click()
        expect(page.locator("[data-current].completion")).to_be_visible()
        before = page.locator("rank-board").get_attribute("data-task")
        for key in ("1", "2", "Enter"):
            page.keyboard.press(key)
        expect(page.locator(f'rank-board:not([data-task="{before}"])')).to_be_visible()
        expect(page.locator('save-state[data-state="saved"], save-state:not([data-state])').first).to_be_attached()
        page.wait_for_load_state("networkidle")
    assert not wrong
    assert all(url.startswith(f"{address}/") for url in asked if url.startswith("http")), asked
    pairs = requests.get(f"{api}browser/pairs/", **options).json()  # type: ignore[arg-type]
    assert len(pairs["results"]) == 1
