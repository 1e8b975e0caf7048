from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from config.http.import_map import import_map as text_of_map

register = template.Library()


@register.simple_tag
def import_map() -> SafeString:
    """Stands before the first module of a page."""
    return format_html('<script type="importmap">{}</script>', mark_safe(text_of_map()))
