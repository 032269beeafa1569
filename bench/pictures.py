"""Pictures for the documents, taken by a browser from the Prefect UI of an `amends up` that runs.

    python bench/pictures.py HOME [--incident INC] [--out docs/pictures] [--only NAME]

Each picture is taken as soon as the page does not change any more. What is not there yet, such as a run that waits, is
named and left out, and the exit code is 1. It needs Chromium, and writes no picture of another address than HOME's.
"""

import argparse
import json
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from playwright.sync_api import Browser, Error, Page, Playwright, sync_playwright

from amends.domain.playbook.playbook import Phase
from amends.settings import Settings, prefect_environment, read_settings

CHROMIUM = next((path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), None)
DRAWING = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
"""The graph of a run is drawn by WebGL, which a machine without a graphics card has in software only."""
ARGUMENTS = ["--no-sandbox", *DRAWING, "--disable-background-networking", "--no-first-run"]
SIZE = (1360, 900)
SETTLE_SECONDS, LOOK_SECONDS, DRAWN_SECONDS = 30, 0.7, 4
WAITS = "Waits"
"""The beginning of the name of the state of a run that waits for people."""
ENDED = ("COMPLETED", "RUNNING", "FAILED")


class Shot(NamedTuple):
    """One picture: its name, its address in the UI, and a word that stands there once the page is there."""

    name: str
    address: str
    word: str


def main(arguments: Sequence[str]) -> int:
    """Take all pictures, or one, and return 1 when some could not be taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--incident", default="stolen-terminals")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "pictures")
    parser.add_argument("--only", default="")
    chosen = parser.parse_args(arguments)
    settings = read_settings(chosen.home.absolute())
    with closing(prefect_api(settings)) as api, sync_playwright() as playwright:
        found = list(shots(api, chosen.incident))
        take(playwright, settings, [shot for shot in found if chosen.only in shot.name and shot.address], chosen.out)
    missing = [shot.name for shot in found if chosen.only in shot.name and not shot.address]
    print(*(f"{name}: not there yet" for name in missing), sep="\n")
    return 1 if missing else 0


def prefect_api(settings: Settings) -> httpx2.Client:
    """Return a client that may read and filter."""
    environment = prefect_environment(settings)
    name, _, password = environment["PREFECT_API_AUTH_STRING"].partition(":")
    client = httpx2.Client(base_url=environment["PREFECT_API_URL"], auth=(name, password), trust_env=False, timeout=60)
    token = client.get("/csrf-token", params={"client": "pictures"}).raise_for_status().json()
    client.headers.update({"Prefect-Csrf-Token": token["token"], "Prefect-Csrf-Client": "pictures"})
    return client


def shots(api: httpx2.Client, incident: str) -> Iterator[Shot]:
    """Yield every picture; one whose page is not there has no address."""
    yield Shot("prefect-dashboard", "/dashboard", "Flow Runs")
    for name, key in (("now", "now"), ("timeline", f"{incident}-timeline"), ("sending", sending(api, incident))):
        yield Shot(f"prefect-{name}", page_address(api, key), key)
    yield Shot("prefect-alarms", "/automations", "Alarm")
    yield Shot("prefect-upcoming", upcoming(api), "Upcoming")
    runs = runs_of(api, incident)
    for phase in Phase:
        yield Shot(f"prefect-run-{phase.replace('_', '-')}", run_address(most_telling(runs, phase)), "Logs")
    waiting = [run for run in runs if run["state_name"].startswith(WAITS) or run["state_type"] == "PAUSED"]
    yield Shot("prefect-waiting", run_address(next(iter(waiting), None)), "Logs")


def runs_of(api: httpx2.Client, incident: str) -> list[dict[str, Any]]:
    """Return the incident's runs, each with the name of its flow and the number of its task runs."""
    chosen = {"flow_runs": {"tags": {"all_": [f"incident:{incident}"]}}, "sort": "EXPECTED_START_TIME_DESC"}
    runs: list[dict[str, Any]] = api.post("/flow_runs/filter", json=chosen).raise_for_status().json()
    flows = {flow["id"]: flow["name"] for flow in api.post("/flows/filter", json={}).raise_for_status().json()}
    for run in runs:
        within = {"flow_runs": {"id": {"any_": [run["id"]]}}}
        run["tasks"] = api.post("/task_runs/count", json=within).raise_for_status().json()
        run["flow"] = flows[run["flow_id"]]
    return runs


def most_telling(runs: Sequence[dict[str, Any]], flow: str) -> dict[str, Any] | None:
    """Return the flow's run with the most tasks among those that have begun, or None."""
    begun = [run for run in runs if run["flow"] == flow and run["state_type"] in ENDED]
    return max(begun, key=lambda run: int(run["tasks"]), default=None)


def run_address(run: dict[str, Any] | None) -> str:
    """Return the address of the run's page, or an empty text."""
    return f"/runs/flow-run/{run['id']}" if run else ""


def sending(api: httpx2.Client, incident: str) -> str:
    """Return the key of a page about the progress of a send, or an empty text."""
    like = {"artifacts": {"key": {"like_": f"{incident}-sending-%"}}}
    return next((str(one["key"]) for one in api.post("/artifacts/latest/filter", json=like).json()), "")


def page_address(api: httpx2.Client, key: str) -> str:
    """Return the address of an artifact's page when there is one; of a progress bar that of its latest version."""
    found = api.post("/artifacts/latest/filter", json={"artifacts": {"key": {"any_": [key]}}}).raise_for_status().json()
    if not found:
        return ""
    return f"/artifacts/artifact/{found[0]['latest_id']}" if found[0]["type"] == "progress" else f"/artifacts/key/{key}"


def upcoming(api: httpx2.Client) -> str:
    """Return the address of the scheduled runs of the deployment that has the most of them, or an empty text."""
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    counts = {
        one["id"]: api.post("/flow_runs/count", json=scheduled | {"deployments": {"id": {"any_": [one["id"]]}}}).json()
        for one in api.post("/deployments/filter", json={}).raise_for_status().json()
        if one["name"] != "sweep"
    }
    most = max(counts, key=lambda count: int(counts[count]), default="")
    return f"/deployments/deployment/{most}?tab=Upcoming" if most and counts[most] else ""


def take(playwright: Playwright, settings: Settings, wanted: Sequence[Shot], out: Path) -> None:
    """Take these pictures in one browser that is logged in."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    address = f"http://127.0.0.1:{settings.prefect_port}"
    page = logged_in(browser, address, prefect_environment(settings)["PREFECT_API_AUTH_STRING"])
    for shot in wanted:
        page.goto(f"{address}{shot.address}")
        page.get_by_text(shot.word).first.wait_for(timeout=SETTLE_SECONDS * 1000)
        picture = settled(page)
        (out / f"{shot.name}.png").write_bytes(picture)
        print(f"{shot.name}: {page.url.removeprefix(address)}")
    browser.close()


def logged_in(browser: Browser, address: str, secret: str) -> Page:
    """Return a page of the UI that knows the shared secret and offers no other UI."""
    page = browser.new_context(viewport={"width": SIZE[0], "height": SIZE[1]}).new_page()
    page.goto(f"{address}/login")
    stored = json.dumps(b64encode(secret.encode()).decode())
    page.evaluate("secret => localStorage.setItem('prefect-password', secret)", stored)
    page.goto(f"{address}/dashboard")
    page.get_by_text("Flow Runs").first.wait_for(timeout=SETTLE_SECONDS * 1000)
    if (not_now := page.get_by_role("button", name="Not now")).count():
        not_now.click()
    return page


def settled(page: Page) -> bytes:
    """Return a picture of the page once two in a row are alike, or the last one after SETTLE_SECONDS.

    The first is taken some seconds after the last answer: a graph is drawn by then, and an empty one stays alike too.
    """
    with suppress(Error):  # a page that asks its server all the time
        page.wait_for_load_state("networkidle", timeout=SETTLE_SECONDS * 1000)
    page.wait_for_timeout(DRAWN_SECONDS * 1000)
    end, before = time.monotonic() + SETTLE_SECONDS, b""
    while (picture := page.screenshot()) != before and time.monotonic() < end:
        before = picture
        page.wait_for_timeout(LOOK_SECONDS * 1000)
    return picture


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
