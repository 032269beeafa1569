"""Forms with files (multipart/form-data, RFC 7578), read whole in memory within narrow limits and never put on disk."""

import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from amends.web.http.forms import MOST_FIELDS, small_body

LARGEST_UPLOAD = 16 * 1024 * 1024
"""The bytes of a whole form: three files of 5 MB, and its fields."""
LARGEST_FIELD = 64 * 1024
UPLOAD_SECONDS = 120
"""The time for a form with files, which telephones send slowly."""
BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;]{1,70}))', re.IGNORECASE)
"""The parameter of the Content-Type: boundary=----x, boundary="x y"."""
NAME = re.compile(r'\bname="([^"]{0,100})"', re.IGNORECASE)
FILE_NAME = re.compile(r"\bfilename\*?=", re.IGNORECASE)
HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class UploadedForm:
    """The fields and files of a form. The files are a stranger's: never open, unpack or log them."""

    fields: dict[str, str]
    files: tuple[bytes, ...] = field(default=(), repr=False)


async def _read_form(request: Request) -> UploadedForm:
    kind = request.headers.get("content-type", "")
    if kind.split(";")[0].strip().lower() == "application/x-www-form-urlencoded":
        body = await small_body(request)
        try:
            pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            raise HTTPException(400) from None
        return UploadedForm(dict(reversed(pairs)))
    boundary = BOUNDARY.search(kind)
    if not kind.lower().startswith("multipart/form-data") or not boundary:
        raise HTTPException(415)
    body = await small_body(request, LARGEST_UPLOAD, UPLOAD_SECONDS)
    return parsed_form(body, (boundary[1] or boundary[2]).encode("latin-1", "replace"))


def parsed_form(body: bytes, boundary: bytes) -> UploadedForm:
    """Return the form in this body. Of a repeated field the first counts; a file without content is no file.

    Raises HTTPException 400 for what is no such form, or has too many parts; 413 for a field that is too long.
    """
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(parts) < 3 or not parts[-1].startswith(b"--") or len(parts) - 2 > MOST_FIELDS:
        raise HTTPException(400)
    fields: dict[str, str] = {}
    files: list[bytes] = []
    for part in parts[1:-1]:
        head, found, content = part.partition(HEAD_END)
        headers = head.decode(errors="replace")
        name = NAME.search(headers)
        if not found or not name or not head.startswith(b"\r\n"):
            raise HTTPException(400)
        if FILE_NAME.search(headers):
            files += [content] if content else []
        elif len(content) > LARGEST_FIELD:
            raise HTTPException(413)
        else:
            fields.setdefault(name[1], content.decode(errors="replace"))
    return UploadedForm(fields, tuple(files))


Uploaded = Annotated[UploadedForm, Depends(_read_form)]
"""A form that may have files."""
