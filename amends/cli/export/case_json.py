"""The document of a case as JSON, and its JSON schema."""

import json
from typing import Any

from amends.domain.base.docstrings import DescribedSchema
from amends.domain.export.case_file import CaseFile

TITLE = "A case of Amends"
SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def in_json(file: CaseFile) -> str:
    """Return the document as JSON text with its keys in a stable order."""
    content = file.model_dump(mode="json", by_alias=True)
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def case_file_schema() -> dict[str, Any]:
    """Return the JSON schema of the document; it allows further keys, which a later program may add."""
    schema = CaseFile.model_json_schema(by_alias=True, mode="serialization", schema_generator=DescribedSchema)
    for part in (schema, *schema["$defs"].values()):
        part.pop("additionalProperties", None)
    return {"$schema": SCHEMA, **schema, "title": TITLE}
