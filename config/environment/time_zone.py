"""The time zone's name from TZ, which Linux lets people write in many ways; Django knows names alone."""

import filecmp
import re
import zoneinfo
from pathlib import Path

from config.environment.variables import refuse, text

FOLDER = Path("/usr/share/zoneinfo")
UTC = re.compile(r"(UTC|GMT|UCT|Z|Zulu)([+-]?0{1,2}(:?00)?)?", re.IGNORECASE)
FIXED = re.compile(
    r"(?:[A-Za-z]{3,}|<[+-]?[A-Za-z0-9]+>)([+-]?)(\d{1,2})(?::00)?"
)  # POSIX, whole hours, no summer time


def time_zone(name: str) -> str:
    """Understands `Europe/Berlin`, `:Europe/Berlin`, a file of the system's, `UTC0` and `<+03>-3`."""
    value = text(name)
    wanted = value.removeprefix(":")
    if wanted.startswith("/"):
        wanted = name_of_file(Path(wanted)) or ""
    wanted = re.sub(r"^(posix|right)/", "", wanted)
    if not value or (wanted and UTC.fullmatch(wanted)):
        return "UTC"
    if is_known(wanted):
        return wanted
    # West of Greenwich is positive in POSIX, and in the names of Etc/ too.
    if fixed := FIXED.fullmatch(wanted):
        found = f"Etc/GMT{fixed[1] or '+'}{int(fixed[2])}"
        if is_known(found):
            return found
    refuse(name, value, "it is a time zone's name, e.g. Europe/Berlin or UTC.")


def is_known(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def name_of_file(path: Path) -> str | None:
    """/etc/localtime is a link into the system's folder, or a copy of one of its files."""
    real = path.resolve()
    _, found, name = str(real).rpartition("/zoneinfo/")
    if found:
        return name
    if not real.is_file():
        return None
    files = (
        (zone, FOLDER / zone) for zone in sorted(zoneinfo.available_timezones(), key=lambda zone: (-len(zone), zone))
    )
    return next((zone for zone, file in files if file.is_file() and filecmp.cmp(real, file, shallow=False)), None)
