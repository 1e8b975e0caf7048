"""`manage.py makemessages`: Django's, with one way of writing, so that a diff shows changed words and nothing else."""

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages


class Command(makemessages.Command):
    help = "Brings the catalogues in locale/ up to date with the words in code and templates."

    def handle(self, *args: Any, **options: Any) -> None:
        languages = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
        ours = {
            "locale": languages,
            "ignore_patterns": ["node_modules", "tests", "benchmarks"],
            "no_obsolete": True,
            "no_wrap": True,
            "add_location": "file",
        }
        super().handle(*args, **{**options, **ours})

    def write_po_file(self, potfile: str, locale: str) -> None:
        super().write_po_file(potfile, locale)
        path = Path(potfile).parent / locale / "LC_MESSAGES" / f"{self.domain}.po"
        path.write_text(re.sub(r'"POT-Creation-Date: .*\n', "", path.read_text(encoding="utf-8")), encoding="utf-8")
