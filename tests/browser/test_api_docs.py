from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.labeling.api.test_schema import FIXED

pytestmark = pytest.mark.browser


def test_the_api_page_lists_every_operation_and_the_browser_complains_of_nothing(
    chromium: Browser, live_server: LiveServer
) -> None:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(f"{live_server.url}/api/docs/")
    expect(page.locator(".opblock")).to_have_count(sum(map(len, FIXED.values())), timeout=30_000)
    page.locator(".opblock-summary", has_text="/ranking/").first.click()
    expect(page.get_by_text("and stored once").first).to_be_visible()
    assert complaints == []
    context.close()
