"""`python -m config.processes.healthcheck URL`: exit code 0 if it answers 200. The image has no curl."""

import sys
import urllib.request

from config.environment import addresses


def answers(url: str, *, seconds: float = 1.0) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine needs no proxy to itself
    request = urllib.request.Request(url, headers=allowed_host())
    try:
        with opener.open(request, timeout=seconds) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False


def allowed_host() -> dict[str, str]:
    """Gives the site's own name, for Django turns away a request that names another host, 127.0.0.1 included."""
    names = [name.lstrip("*.") for name in addresses.hosts("ALLOWED_HOSTS", "")]
    return {"Host": names[0]} if names and names[0] else {}


if __name__ == "__main__":
    sys.exit(not answers(sys.argv[1], seconds=4.0))
