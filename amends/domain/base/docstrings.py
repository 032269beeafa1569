"""The docstrings below the fields of values, read from the source when somebody prints them.

Reading them as each class is made would be a sixth of the start of every command.
"""

import ast
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema


class DescribedSchema(GenerateJsonSchema):
    """A JSON schema in which each key has the docstring of its field as its description."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Return the JSON schema of a model, with the docstrings of its fields."""
        made, model = super().model_schema(schema), cast("type[BaseModel]", schema["cls"])
        for name, text in field_docstrings(model).items():
            made["properties"][model.model_fields[name].alias or name].setdefault("description", text)
        return made


def field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring of each field that has one, those of the classes above the model included."""
    written = (kind for kind in reversed(model.__mro__) if issubclass(kind, BaseModel) and kind is not BaseModel)
    texts = [_below_fields(kind) for kind in written if not kind.__pydantic_generic_metadata__["args"]]
    return {name: text for found in texts for name, text in found.items() if name in model.model_fields}


def _below_fields(model: type[BaseModel]) -> dict[str, str]:
    (kind,) = ast.parse(dedent(getsource(model))).body
    match kind:
        case ast.ClassDef(body=body):
            return dict(filter(None, (_docstring(field, text) for field, text in pairwise(body))))
    return {}


def _docstring(field: ast.stmt, text: ast.stmt) -> tuple[str, str] | None:
    match field, text:
        case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
            return name, cleandoc(words)
    return None
