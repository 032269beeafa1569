"""Pages for browsers: the customers' portal."""

from amends.web.app import create_app, main, utc_now

__all__ = ["create_app", "main", "utc_now"]
