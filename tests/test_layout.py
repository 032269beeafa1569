"""The shape of the project: imports run one way, nothing is shadowed, the core knows no Prefect."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import amends
import channels
import flows
from amends.delivery.channels import providers

TOP = Path(amends.__file__).parents[1]


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
    assert {entry["entrypoint"] for entry in listed} == {
        f"flows.{name}.{name}"
        for name in ("assess", "notify", "update", "collect_feedback", "follow_up", "respond", "sweep")
    }
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


def test_there_is_one_place_where_a_recipient_is_named_to_a_mail_server() -> None:
    sources = [path.read_text() for folder in ("amends", "channels", "flows") for path in (TOP / folder).rglob("*.py")]
    assert sum(source.count("RCPT TO") for source in sources) == 1
