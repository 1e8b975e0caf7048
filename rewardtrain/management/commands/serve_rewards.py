"""manage.py serve_rewards [--host HOST] [--port PORT]"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Answers with every project's champion over HTTP: rewards, probabilities, the preferred completion."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: this machine alone)")
        parser.add_argument("--port", type=int, default=settings.REWARDS_PORT)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        from rewardtrain.scoring import service  # it loads torch, which no other command does

        service.serve(host=host, port=port)
