"""The shape of the project: imports run one way, nothing is shadowed, the core knows no Prefect."""

import ast
import itertools
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import amends
import channels
import flows.form
from amends.delivery.channels import providers
from amends.domain.case.case import Case
from amends.domain.case.outline import Outline
from amends.ledger import Ledger
from flows.run.choices import FORMS

TOP = Path(amends.__file__).parents[1]
MOST_MODULES = 12
MOST_IMPORTERS_OF_CASE = 48
"""To become fewer, never more: a function that needs the outline of a case alone takes an Outline."""
MOST_FIELDS_OF_CASE = 12
"""Beside those of its outline."""
LONGEST_NAME = len("test_") + 60
TEST = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)
"""`def test_a(…)`, `    async def test_b(…)`"""
MAP = (TOP / "docs" / "map.md").read_text(encoding="utf-8")
NO_ROOMS = {"templates", "static", "__pycache__"}
RIDDLES = frozenset(
    "What Whether How That Those Who Whom Whose Whoever Whatever Which Why When Where It Its They Their This These".split()
)
"""First words of a docstring that does not name its subject."""
NO_VERBS = RIDDLES | frozenset(
    "The A An As Of From In On One Every All Nothing Something Everything Nobody Somebody Also Only With Without By For "
    "If Each No Not None Raises Returns At To After Before Both Because Here There Some Several Many Most Other Any".split()
)
"""First words of a function's docstring that does not begin with what happens."""


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_flows_and_channels_are_ours() -> None:
    assert {Path(package.__path__[0]).parent for package in (flows, channels)} == {TOP}


@pytest.mark.parametrize("package", [amends, flows, channels], ids=lambda package: package.__name__)
def test_no_module_bears_a_standard_library_name(package: object) -> None:
    folder = Path(package.__path__[0])  # type: ignore[attr-defined]
    tops = {path.relative_to(folder).parts[0].removesuffix(".py") for path in folder.glob("*.py")} - {
        "__init__",
        "__main__",
    }
    assert not tops & set(sys.stdlib_module_names)


def test_nothing_imports_flows() -> None:
    sources = [path for folder in ("amends", "channels") for path in (TOP / folder).rglob("*.py")]
    assert not [path for path in sources if "from flows" in path.read_text() or "import flows" in path.read_text()]


def test_each_phase_is_a_flow_of_its_name() -> None:
    phases = {"assess", "notify", "update", "collect_feedback", "follow_up", "respond", "sweep"}
    assert phases <= {module.name for module in iter_modules(flows.__path__)}
    for phase in phases:
        assert getattr(import_module(f"flows.{phase}"), phase).name == phase


def test_every_deployment_is_a_flow_and_every_flow_is_deployed() -> None:
    listed = deployments()
    phases = ("assess", "notify", "update", "collect_feedback", "follow_up", "respond", "sweep")
    forms = {module.name for module in iter_modules(flows.form.__path__)}
    expected = {*(f"flows.{name}.{name}" for name in phases), *(f"flows.form.{name}.{name}" for name in forms)}
    assert {entry["entrypoint"] for entry in listed} == expected
    assert set(FORMS) == {"respond", *forms}
    for entry in listed:
        module, _, name = entry["entrypoint"].rpartition(".")
        assert getattr(import_module(module), name)
        assert entry["work_pool"]["job_variables"]["stream_output"] is False


def deployments() -> list[dict[str, dict[str, dict[str, object]]]]:
    from ruamel.yaml import YAML

    found: list[dict[str, dict[str, dict[str, object]]]] = YAML(typ="safe").load(TOP / "prefect.yaml")["deployments"]
    return found


def test_every_provider_can_be_connected() -> None:
    for name in providers():
        assert callable(import_module(f"channels.{name}").connect)


def test_only_one_function_in_the_code_base_writes_to_a_mail_server() -> None:
    senders = [path.name for path in (TOP / "amends").rglob("*.py") if "smtplib" in path.read_text()]
    assert senders == []


def test_recipients_are_named_to_a_mail_server_in_one_place() -> None:
    """The SMTP command RCPT TO is written in exactly one place of the whole source."""
    sources = [path.read_text() for folder in ("amends", "channels", "flows") for path in (TOP / folder).rglob("*.py")]
    assert sum(source.count("RCPT TO") for source in sources) == 1


def files(*folders: str) -> Iterator[Path]:
    """Yield each Python file below these folders."""
    for folder in folders:
        yield from (path.relative_to(TOP) for path in sorted((TOP / folder).rglob("*.py")))


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield each Python file below these folders with its syntax tree."""
    for path in files(*folders):
        yield path, ast.parse((TOP / path).read_text(encoding="utf-8"))


def test_no_folder_holds_more_than_twelve_modules() -> None:
    paths = (path for path in files("amends", "flows", "channels", "tests") if path.name != "__init__.py")
    counted = Counter(path.parent for path in paths if path.parent != Path("tests"))
    assert {str(folder): count for folder, count in counted.items() if count > MOST_MODULES} == {}


def test_the_case_gains_no_importers() -> None:
    paths = files("amends", "flows", "channels")
    importers = [path for path in paths if "amends.domain.case.case import" in (TOP / path).read_text()]
    assert len(importers) <= MOST_IMPORTERS_OF_CASE


def test_the_case_gains_no_fields() -> None:
    """What the plan does not depend on belongs to a view of the case, read by those who need it."""
    assert len(Case.model_fields) - len(Outline.model_fields) <= MOST_FIELDS_OF_CASE


def test_each_room_is_on_the_map() -> None:
    rooms = {path.parent.name for path in files("amends", "flows", "channels")} - NO_ROOMS
    assert {room for room in rooms if not re.search(rf"\b{room}\b", MAP)} == set()


def test_the_map_names_only_what_is_there() -> None:
    named = set(re.findall(r"`((?:amends|flows|channels|playbooks|tests)/[\w./-]+)`", MAP))
    assert {name for name in named if not (TOP / name).exists()} == set()


def test_each_class_name_of_the_product_is_unique() -> None:
    places = defaultdict(list)
    for path, tree in sources("amends", "flows", "channels"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_package_hands_on_names_of_its_modules() -> None:
    """Only `amends.ledger` does: outside of it nobody needs to know its rooms."""
    packages = [path for path in files("amends", "flows", "channels") if path.name == "__init__.py"]
    handing_on = {str(path) for path in packages if re.search("^from ", (TOP / path).read_text("utf-8"), re.MULTILINE)}
    assert handing_on == {"amends/ledger/__init__.py"}


def test_the_ledger_inherits_nothing() -> None:
    assert Ledger.__mro__ == (Ledger, object)


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return True for a command of the command line: its docstring is the help that a person reads."""
    return any(isinstance(given, ast.Name) and given.id in ("ctx", "Context") for given in ast.walk(node.args)) or any(
        "typer" in ast.unparse(one) for one in (node.args, *node.decorator_list)
    )


def docstrings(tree: ast.Module) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each docstring with the first words that it must not have."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef)) and (said := ast.get_docstring(node)):
            yield said, RIDDLES
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if is_function and not is_command(node) and (said := ast.get_docstring(node)):
            yield said, NO_VERBS
        if isinstance(node, (ast.Module, ast.ClassDef)):
            yield from ((said, RIDDLES) for said in of_values(node.body))


def of_values(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the docstrings that stand below fields and constants."""
    for before, after in itertools.pairwise(body):
        match before, after:
            case (ast.Assign() | ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str(said)))):
                yield said


def test_each_docstring_begins_with_what_happens_or_what_it_is() -> None:
    found = [
        f"{path}: {said.splitlines()[0]}"
        for path, tree in sources("amends", "flows", "channels")
        for said, barred in docstrings(tree)
        if said.split()[0].strip("`'\",.:;") in barred
    ]
    assert found == []


def test_a_name_of_a_test_is_a_short_sentence() -> None:
    names = (name for path in files("tests") for name in re.findall(TEST, (TOP / path).read_text("utf-8")))
    assert [name for name in names if len(name) > LONGEST_NAME] == []


def test_kinds_of_channels_are_named_in_their_room_alone() -> None:
    """Elsewhere code asks the row of a kind, so that a new kind needs no other change; a provider is of one kind."""
    rooms = (Path("amends/domain/channel"), Path("amends/domain/law"), Path("channels"))
    naming = (path for path in files("amends", "flows", "channels") if not any(map(path.is_relative_to, rooms)))
    assert [str(path) for path in naming if re.search(r"ChannelKind\.[A-Z]", (TOP / path).read_text("utf-8"))] == []
