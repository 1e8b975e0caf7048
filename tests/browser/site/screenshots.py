"""Pictures of every page and state, light and dark, on a phone, a laptop and the widest screen of a desk.

`python -m tests.browser.site.screenshots [FOLDER] [pytest's options, such as -k narrow]`. Without a folder they go into
screenshots/, which git ignores. A picture's name says what it is of: overview-narrow-dark.png.
"""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    folders = [argument for argument in sys.argv[1:2] if not argument.startswith("-")]
    folder = os.path.abspath(folders[0] if folders else HERE.parents[2] / "screenshots")
    os.environ["PODIUM_SCREENSHOTS"] = folder
    code = pytest.main([str(HERE / "pictures.py"), "-q", "-p", "no:cacheprovider", *sys.argv[1 + len(folders) :]])
    print(f"The pictures are in {folder}." if code == 0 else "Not all pictures could be taken.")
    sys.exit(code)
