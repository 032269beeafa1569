"""The pages of Prefect's UI in a real browser: they work, and call no address but their own."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from playwright.sync_api import Page, Request, expect, sync_playwright

from amends.cli.home.up import Parts, deploy, free_port, prefect_server
from amends.settings import new_settings, prefect_environment
from tests.e2e.installation import until
from tests.web.portal.test_portal_browser import ARGUMENTS, CHROMIUM

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.browser,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium at /usr/bin/chromium or /usr/bin/chromium-browser"),
]
PAGES = {
    "/dashboard": "Flow Runs",
    "/runs": "Runs",
    "/deployments": "respond",
    "/artifacts": "Artifacts",
    "/blocks/catalog": "Slack",
    "/automations": "a run died",
    "/concurrency-limits": "Concurrency",
    "/settings": "Theme",
}
"""A page, and words that stand on it once it has asked the server."""
PICTURE = "https://pictures.example/seen.png"
ARTIFACT = {
    "key": "timeline",
    "type": "markdown",
    "data": f"# What waits for whom\n\n![a picture]({PICTURE})\n\n<img src='{PICTURE}'>",
}


@dataclass
class Ui:
    """Prefect's UI in a browser, and what the browser asked other addresses for."""

    page: Page
    address: str
    api: httpx2.Client
    strange: list[str]
    errors: list[str]
    """What the UI's own program failed at."""

    def goto(self, path: str) -> None:
        self.page.goto(self.address + path)

    def shows(self, words: str) -> None:
        expect(self.page.get_by_text(words).first).to_be_visible(timeout=30_000)

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).first.click()


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    port = free_port()
    home = tmp_path_factory.mktemp("pages")
    settings = new_settings(home, "https://btepai.example").model_copy(update={"prefect_port": port})
    environment = prefect_environment(settings)
    secret, address = environment["PREFECT_API_AUTH_STRING"], f"http://127.0.0.1:{port}"
    with Parts(environment) as parts, sync_playwright() as playwright:
        parts.start("Prefect server", prefect_server(port), quiet=True)
        parts.wait_for("Prefect server", port)
        deploy(environment)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context()
        context.add_init_script(f"localStorage.setItem('prefect-password', btoa({secret!r}))")
        page, strange, errors = context.new_page(), list[str](), list[str]()

        def note(request: Request) -> None:
            # A request that the policy forbids is announced, and fails before anything leaves.
            if not request.url.startswith((address, "data:", "blob:")) and "csp" not in (request.failure or ""):
                strange.append(request.url)

        page.on("requestfinished", note)
        page.on("requestfailed", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        with httpx2.Client(base_url=address, auth=tuple(secret.split(":", 1)), trust_env=False) as api:
            token = api.get("/api/csrf-token", params={"client": "test"}).json()["token"]
            api.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"})
            sweep = api.get("/api/deployments/name/sweep/sweep").json()["id"]
            # The dashboard shows nothing of itself before there is a run.
            api.post(f"/api/deployments/{sweep}/create_flow_run", json={}).raise_for_status()
            yield Ui(page, address, api, strange, errors)
        browser.close()


def test_the_newer_ui_is_not_offered(ui: Ui) -> None:
    assert ui.api.get("/ui-settings").json()["available_uis"] == ["v1"]
    answer = ui.api.get("/v2/dashboard", headers={"Accept": "text/html", "Sec-Fetch-Mode": "navigate"})
    assert (answer.status_code, answer.headers["location"]) == (307, "/dashboard")
    ui.goto("/dashboard")
    ui.shows("Settings")
    expect(ui.page.get_by_text("Switch to V2 UI")).to_have_count(0)


def test_every_answer_has_the_policy(ui: Ui) -> None:
    for path in ("/", "/api/health", "/docs", "/nowhere.js", "/api/nothing"):
        assert "default-src 'self'" in ui.api.get(path).headers["content-security-policy"], path


@pytest.mark.parametrize(("path", "words"), PAGES.items())
def test_a_page_works_and_calls_nobody_else(ui: Ui, path: str, words: str) -> None:
    ui.goto(path)
    ui.shows(words)
    ui.page.wait_for_load_state("networkidle")
    assert not ui.strange


def test_the_graph_of_a_run_is_drawn(ui: Ui) -> None:
    sweep = ui.api.get("/api/deployments/name/sweep/sweep").json()["id"]
    run = ui.api.post(f"/api/deployments/{sweep}/create_flow_run", json={}).raise_for_status().json()["id"]
    for state in ("RUNNING", "COMPLETED"):
        ui.api.post(f"/api/flow_runs/{run}/set_state", json={"state": {"type": state}, "force": True})
    ui.goto(f"/runs/flow-run/{run}")
    expect(ui.page.locator("canvas").first).to_be_visible(timeout=30_000)
    ui.page.wait_for_load_state("networkidle")
    assert (ui.errors, ui.strange) == ([], [])


def test_a_picture_in_an_artifact_is_not_fetched_from_elsewhere(ui: Ui) -> None:
    artifact = ui.api.post("/api/artifacts/", json=ARTIFACT).raise_for_status().json()["id"]
    ui.goto(f"/artifacts/artifact/{artifact}")
    ui.shows("What waits for whom")
    ui.page.wait_for_load_state("networkidle")
    assert not ui.strange


def test_a_run_can_be_started_from_its_form_and_cancelled(ui: Ui) -> None:
    deployment = ui.api.get("/api/deployments/name/respond/respond").json()["id"]

    def asked_for() -> list[dict[str, str]]:
        chosen = {"flow_runs": {"deployment_id": {"any_": [deployment]}}}
        found: list[dict[str, str]] = ui.api.post("/api/flow_runs/filter", json=chosen).json()
        return found

    ui.goto(f"/deployments/deployment/{deployment}/run")
    ui.shows("incident_id")
    ui.page.locator("textarea").first.fill("none-such")
    ui.press("Now")
    ui.press("Submit")
    (run,) = until(asked_for, 30, "the form has made a run")
    ui.goto(f"/runs/flow-run/{run['id']}")
    ui.press("Cancel")
    ui.press("Confirm")
    ui.shows("Cancelled")
    assert not ui.strange
