"""Rich text looks right: the page stays as wide as the screen, and nobody is shut out of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser

RICH = """# A title

Words with `code`, $x^2$, [a link](https://example.org) and a long formula
$a_1 + a_2 + a_3 + a_4 + a_5 + a_6 + a_7 + a_8 + a_9$.

```python
def long(name: str, other: int = 0.5) -> str:  # a line that goes on and on, and is wider than most of the screens are
    return "text" if name else None
```

```diff
-old
+new
```

| Method | Time | Space | Stable | And | More | Columns | Than | Fit |
|:-------|-----:|------:|:------:|-----|------|---------|------|-----|
| Timsort | $O(n \\log n)$ | $O(n)$ | yes | 1 | 2 | 3 | 4 | 5 |

$$
\\int_0^1 \\frac{\\sqrt{x}}{1 + x}\\,dx = \\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}
+ a_1 + a_2 + a_3 + a_4 + a_5 + a_6
$$

> - شكرا
> - a-word-that-does-not-end-a-word-that-does-not-end-a-word-that-does-not-end-a-word-that-does-not-end
"""


def test_rich_texts_have_no_accessibility_violation_and_no_overflow(viewers: People, site: Site) -> None:
    factories.make_prompt(site.empty, k=2, question=RICH, texts=[RICH, RICH + "!"])
    page = viewers.page(site.manager)
    page.goto("/p/empty/rank/")
    assert page.locator(".completion math").count() > 0
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faces(page, ".completion math mi") == {"STIX Two Math"}


def faces(page: Page, selector: str) -> set[str]:
    """The fonts that Chromium really draws the first such element with."""
    session = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        session.send(f"{domain}.enable")
    page.evaluate("document.fonts.ready")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    return {font["familyName"] for font in session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]}
