"""The public notice pages and feeds, served as the files that the website channel wrote into the site folder."""

import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from amends.domain.base.value import LOCALE, NAME, nearest_locale

INDEX = "index.html"
FILE = re.compile(rf"{NAME.pattern}\.html|feed\.atom|feed\.json|style\.css")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".atom": "application/atom+xml; charset=utf-8",
    ".json": "application/feed+json; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""The policy of a notice page, which holds its style. The page's own policy, in force beside this one, names the style
by its hash."""


class NoticePages:
    """The notice pages and feeds in SITE/INCIDENT/LOCALE/. No other file is served."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self._files = StaticFiles(directory=site, check_dir=False)

    def locales(self, incident: str) -> tuple[str, ...]:
        """Return the locales in which this incident has notice pages."""
        if not NAME.fullmatch(incident):
            return ()
        found = (index.parent.name for index in (self._site / incident).glob(f"*/{INDEX}"))
        return tuple(sorted(locale for locale in found if LOCALE.fullmatch(locale)))

    def path(self, incident: str, notice: str, locale: str) -> str | None:
        """Return the path of this notice, or of "index", in the nearest locale, or None when there is no such page."""
        offered = tuple(other for other in self.locales(incident) if self._has(incident, other, f"{notice}.html"))
        if not offered:
            return None
        name = "" if notice == "index" else f"{notice}.html"
        return f"/n/{incident}/{nearest_locale(locale, offered, offered[0])}/{name}"

    def _has(self, incident: str, locale: str, name: str) -> bool:
        return (self._site / incident / locale / name).is_file()

    def file(self, request: Request, incident: str, locale: str, name: str) -> Response:
        """Return one page or feed. Raises HTTPException 404."""
        if not (NAME.fullmatch(incident) and LOCALE.fullmatch(locale) and FILE.fullmatch(name)):
            raise HTTPException(404)
        return plain_file(self._files, request, f"{incident}/{locale}/{name}", policy=POLICY)


def plain_file(files: StaticFiles, request: Request, path: str, policy: str = "") -> Response:
    """Return a file that browsers may cache for a minute. Raises HTTPException 404."""
    found, stat = files.lookup_path(path)
    if stat is None or not Path(found).is_file():
        raise HTTPException(404)
    response = files.file_response(found, stat, request.scope)
    response.headers["Cache-Control"] = "public, max-age=60"
    response.headers["Content-Type"] = TYPES[Path(path).suffix]
    if policy:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Robots-Tag"] = "all"
    return response
