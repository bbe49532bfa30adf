"""The colour theme: a cookie the server reads before the first byte, so that no page flashes in the wrong one."""

from django.http import HttpRequest

THEME_COOKIE = "theme"
THEMES = ("light", "dark")  # without a cookie the page follows the system


def theme_of(request: HttpRequest) -> str:
    """Says "light", "dark" or "" for the system's."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""
