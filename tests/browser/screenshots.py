"""Pictures of every page, light and dark, wide and narrow: `python -m tests.browser.screenshots [FOLDER]`."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    folder = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(HERE.parent.parent / "screenshots")
    os.environ["PODIUM_SCREENSHOTS"] = folder
    code = pytest.main([str(HERE / "pictures.py"), "-q", "-p", "no:cacheprovider"])
    print(f"The pictures are in {folder}." if code == 0 else "Not all pictures could be taken.")
    sys.exit(code)
