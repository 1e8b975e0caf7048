"""What published data sets look like, each a way of recording scores, battles or several annotators."""

from __future__ import annotations

from formats.layouts.layout import Layout
from formats.layouts.published import helpsteer, helpsteer_ratings, lmarena, multipref, nectar, ultrafeedback

LAYOUTS: tuple[Layout, ...] = (
    ultrafeedback.LAYOUT,
    lmarena.LAYOUT,
    helpsteer.HELPSTEER3,
    helpsteer.HELPSTEER2,
    helpsteer_ratings.LAYOUT,
    multipref.LAYOUT,
    nectar.LAYOUT,
)
