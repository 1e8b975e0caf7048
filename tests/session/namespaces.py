"""Network namespaces joined by a bridge, as machines are by a switch, whose links can be cut without a word."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS = 60  # for one command, on a busy machine
# Waits until nobody holds its input any more, however its parent ended, and takes away what it is given the names of:
# the link that is here, and namespaces, with which theirs go.
REMOVAL = """
cat > /dev/null
ip link delete "$1" 2> /dev/null
shift
for name; do
    for process in $(ip netns pids "$name" 2> /dev/null); do kill -9 "$process"; done
    ip netns delete "$name"
done 2> /dev/null
"""


class CannotJoin(Exception):
    """This machine can't make network namespaces; the message says why."""


@dataclass(frozen=True)
class Network:
    """The first of its names is where this process itself is."""

    names: tuple[str, ...]
    owner: int  # the process that asked for it

    @property
    def prefix(self) -> str:
        """Gives the first three parts of the addresses, of a range that is set apart for tests (RFC 2544)."""
        return f"198.{18 + self.owner // 256 % 2}.{self.owner % 256}"

    def address(self, name: str) -> str:
        return f"{self.prefix}.{self.names.index(name) + 1}"

    def hardware(self, name: str) -> str:
        return f"02:00:00:00:17:{self.names.index(name) + 1:02x}"

    def space(self, name: str) -> str:
        return f"podium-{self.owner}-{name}"

    def spaces(self) -> list[str]:
        return [self.space(name) for name in ("bridge", *self.names[1:])]

    def port(self, name: str) -> str:
        """Names its end at the bridge; a link's name has 15 letters at most."""
        return f"pd{self.owner % 10**8}-{self.names.index(name)}"

    def end(self, name: str) -> str:
        """Names the machine's end of its link."""
        return f"{self.port(name)}e"

    def within(self, name: str, command: Sequence[str]) -> list[str]:
        """Gives the words that run a command on a machine."""
        return ["ip", "netns", "exec", self.space(name), *command]

    def cut(self, name: str) -> None:
        """Has everything lost that goes to this machine or comes from it, and nobody is told."""
        ip("-n", self.space("bridge"), "link", "set", self.port(name), "down")

    def mend(self, name: str) -> None:
        ip("-n", self.space("bridge"), "link", "set", self.port(name), "up")

    def make(self) -> None:
        bridge = self.space("bridge")
        ip("netns", "add", bridge)
        ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        ip("-n", bridge, "link", "set", "bridge", "up")
        for name in self.names:
            self._join(name)

    def _join(self, name: str) -> None:
        """Makes the machine and its link. All know where the others are, so that a cut link is silence alone."""
        bridge, is_here = self.space("bridge"), name == self.names[0]
        inside = () if is_here else ("-n", self.space(name))
        end = self.end(name)
        if not is_here:
            ip("netns", "add", self.space(name))
            ip(*inside, "link", "set", "lo", "up")
        ip("-n", bridge, "link", "add", self.port(name), "type", "veth", "peer", "name", end)
        ip("-n", bridge, "link", "set", end, "address", self.hardware(name))
        ip("-n", bridge, "link", "set", end, "netns", str(os.getpid()) if is_here else self.space(name))
        ip("-n", bridge, "link", "set", self.port(name), "master", "bridge", "up")
        ip(*inside, "address", "add", f"{self.address(name)}/24", "dev", end)
        ip(*inside, "link", "set", end, "up")
        for other in set(self.names) - {name}:
            to = (self.address(other), "lladdr", self.hardware(other), "dev", end)
            ip(*inside, "neighbor", "add", *to, "nud", "permanent")


def ip(*words: str) -> None:
    """Runs it. Raises CannotJoin."""
    try:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotJoin(str(error)) from None
    if done.returncode:
        raise CannotJoin(f"ip {' '.join(words)}: {done.stderr.strip()[:200]}")


@contextmanager
def network(*names: str) -> Iterator[Network]:
    """Makes it, and takes it away with all that runs in it, however this process ends. Raises CannotJoin."""
    if shutil.which("ip") is None:
        raise CannotJoin("there is no ip: apt install iproute2")
    made = Network(names, os.getpid())
    command = ["sh", "-c", REMOVAL, "removal", made.end(names[0]), *made.spaces()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # waits for it
        made.make()
        yield made


@functools.cache
def why_not() -> str:
    """Tries it, for neither root nor a version says whether a container may. Empty where it can be done."""
    try:
        with network("here", "there") as tried:
            ip("netns", "exec", tried.space("there"), "true")
    except CannotJoin as error:
        return str(error)
    return ""
