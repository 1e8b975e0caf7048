"""manage.py check_deployment [--json] [--seconds N]"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.environment import variables
from config.servers.deployment import brokers, databases, files, processes, site
from config.servers.deployment.finding import Finding, Question, ask_all

QUESTIONS: dict[str, Question] = {
    "settings": site.look,
    "database": databases.look,
    "redis": brokers.look,
    "files": files.look,
    "workers": processes.workers,
    "beat": processes.beat,
    "rewards": processes.rewards,
    "clusters": site.clusters,
}


class Command(BaseCommand):
    help = "Look at settings, servers and running processes, and say what is missing. Changes nothing."
    requires_system_checks = []  # they are among what is said

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for a machine")
        parser.add_argument("--seconds", default="10", help="after which what doesn't answer is missing [10]")

    def handle(self, *args: Any, json: bool, seconds: str, **options: Any) -> None:
        limit = variables.as_number("--seconds", seconds, least=1, most=600, example=10)
        found = ask_all(QUESTIONS, limit)
        errors = sum(finding.level == "error" for finding in found)
        self.stdout.write(as_json(found) if json else as_lines(found))
        if errors:
            raise CommandError(_counted(errors, len(found) - errors))


def as_json(found: list[Finding]) -> str:
    findings = [asdict(finding) for finding in found]
    return json.dumps({"ok": not any(finding.level == "error" for finding in found), "findings": findings}, indent=1)


def as_lines(found: list[Finding]) -> str:
    lines = [f"{finding.level:<8} {finding.part}: {finding.sentence}" for finding in found]
    return "\n".join(lines or ["Nothing is missing."])


def _counted(errors: int, warnings: int) -> str:
    words = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    return f"{' and '.join(words)}: mend the error{'s' if errors > 1 else ''} first."
