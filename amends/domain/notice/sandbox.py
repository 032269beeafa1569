"""The sandbox of templates, in which each step is counted and nothing grows beyond its bound."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import wraps
from traceback import walk_tb
from typing import Any, cast

from jinja2 import DictLoader, StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from amends.domain.notice.bounds import (
    CALL,
    STEP,
    bounded_range,
    check_growth,
    check_new_format,
    check_old_format,
    check_power,
    check_sum,
    check_times,
    drawn,
    metered,
    not_too_long,
    rounds,
    size,
    spend,
)

MOST_LEVELS = 100
LOOP, JOIN = "_rounds", "_joined"
"""The filters that count the rounds of loops, and that join what `~` stands between."""
CHECKS: Mapping[str, Callable[[Any, Any], None]] = {
    "+": check_sum,
    "*": check_times,
    "**": check_power,
    "%": check_old_format,
}
WATCH: ContextVar[Callable[[str], AbstractContextManager[None]]] = ContextVar("watch", default=lambda _: nullcontext())
"""A function of a template's path; the template is rendered within what it returns. A worker sets its alarm there."""


class BoundedSandbox(ImmutableSandboxedEnvironment):
    """A sandbox for templates that include each other and nothing else, with a bound on all that can grow."""

    intercepted_binops = frozenset(CHECKS)

    def __init__(self, templates: Mapping[str, str]) -> None:
        super().__init__(
            loader=DictLoader(dict(templates)),
            undefined=StrictUndefined,
            finalize=_printed,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        self._sizes = {name: len(text) for name, text in templates.items()}
        self.globals["range"] = bounded_range
        del self.globals["lipsum"]
        self.filters = {name: _bounded(name, function) for name, function in self.filters.items()}
        self.filters |= {LOOP: rounds, JOIN: _joined}

    def text_and_subject(self, path: str, values: Mapping[str, Any]) -> tuple[str, str]:
        """Return the text of the template at this path with these values, and its subject, which may be empty.

        Raises TooMuch, and whatever else goes wrong in a template.
        """
        with WATCH.get()(path), metered():
            template = self.get_template(path)
            context = template.new_context(dict(values))
            pieces = cast("Generator[str, None, None]", template.root_render_func(context))
            module = TemplateModule(template, context, list(not_too_long(pieces)))
            subject = getattr(module, "subject", "")
            size(subject)
            return str(module), str(subject)

    def get_template(self, name: str | Template, *given: Any, **named: Any) -> Template:
        """Return the template, which may be included many times: its text costs each time."""
        if isinstance(name, str):
            spend(CALL + self._sizes.get(name, 0))
        return super().get_template(name, *given, **named)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Parse the template. Raises TemplateSyntaxError also when the template is nested too deeply."""
        try:
            tree = super()._parse(source, name, filename)
        except RecursionError as error:
            line = _line_reached(error)
        else:
            if not (line := _line_too_deep(tree)):
                return tree
        raise TemplateSyntaxError(f"it is nested more than {MOST_LEVELS} levels deep; write it in steps", line, name)

    def _generate(self, source: nodes.Template, *given: Any, **named: Any) -> str:
        """Return the Python code of the template, in which rounds of loops and joined texts are counted."""
        return super()._generate(_Metered().visit(source), *given, **named)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return what the operation gives. Raises TooMuch before a result that is too large is made."""
        spend(STEP)
        CHECKS[operator](left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, called: Any, /, *given: Any, **named: Any) -> Any:
        """Return what the function returns. Raises TooMuch when what it is given or returns is too large."""
        spend(CALL)
        given, owner = tuple(map(drawn, given)), getattr(called, "__self__", None)
        if isinstance(owner, str):
            check_growth(owner, *given, *named.values())
        else:
            size([*given, *named.values()])
        result = super().call(context, called, *given, **named)
        size(result)
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """Return a safe `format` for the method of a text, or None when the value is something else."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        @wraps(wrapped)
        def formatted(*given: Any, **named: Any) -> str:
            check_new_format(value.__self__, *given, *named.values())
            return wrapped(*given, **named)

        return formatted


class _Metered(NodeTransformer):
    """A change of the tree of a template: what the sandbox cannot intercept becomes a filter, which it can."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the name of the node
        """Count the rounds of the loop, each with the text that stands in the loop."""
        self.generic_visit(node)
        text = sum(len(part.data) for part in node.find_all(nodes.TemplateData))
        node.iter = _filter(LOOP, cast("nodes.Expr", node.iter), text)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - the name of the node
        """Bound the text that `~` joins."""
        self.generic_visit(node)
        return _filter(JOIN, nodes.List(node.nodes, lineno=node.lineno))


def _filter(name: str, value: nodes.Expr, *given: int) -> nodes.Filter:
    constants: list[nodes.Expr] = [nodes.Const(one, lineno=value.lineno) for one in given]
    return nodes.Filter(value, name, constants, [], None, None, lineno=value.lineno)


def _joined(values: list[Any]) -> str:
    size(values)
    return "".join(map(str, values))


def _printed(value: object) -> str:
    """Return the text of a value that a template prints. Raises ValueError for null, which would print as None."""
    if value is None:
        raise ValueError("null cannot be put into a text")
    size(value)
    text = str(value)
    spend(len(text))
    return text


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the filter with a bound on what it is given and on what it makes."""
    passed = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def filtered(*given: Any, **named: Any) -> Any:
        spend(CALL)
        own, values = given[:passed], [drawn(one) for one in given[passed:]]
        if name == "format":
            check_old_format(values[0], [*values[1:], *named.values()])
        else:
            check_growth(*values, *named.values())
        result = function(*own, *values, **named)
        size(result)
        return result

    return filtered


def _line_too_deep(tree: nodes.Template) -> int:
    """Return the line of the first expression that is nested deeper than MOST_LEVELS, or 0."""
    waiting: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while waiting:
        node, level = waiting.pop()
        if level > MOST_LEVELS:
            return node.lineno
        waiting.extend((child, level + 1) for child in node.iter_child_nodes())
    return 0


def _line_reached(error: RecursionError) -> int:
    """Return the line of the template that the parser had reached."""
    parsers = (frame.f_locals.get("self") for frame, _ in walk_tb(error.__traceback__))
    lines = [int(parser.stream.current.lineno) for parser in parsers if parser and hasattr(parser, "stream")]
    return lines[-1] if lines else 1
