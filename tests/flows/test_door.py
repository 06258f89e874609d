"""What a page of another origin gets of the Prefect server that `selfplay up` starts: in a real browser, nothing."""

import base64
import os
import shutil
import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import psutil
import pytest
from playwright.sync_api import sync_playwright

from flows import services
from flows.environment import ROOT
from flows.processes import living
from flows.services import State

from .night import free_port

REBOUND = "rebound.example"  # a name of the attacker's that leads to this machine

ATTACK = """async ([url, ours]) => {
  const got = {};
  const flow = JSON.stringify({name: "planted"});
  const run = JSON.stringify({flow_id: ours, name: "planted", entrypoint: "x.py:x", work_pool_name: "selfplay"});
  const attempt = async (name, path, options) => {
    try {
      const answer = await fetch(url + path, options);
      got[name] = answer.ok ? await answer.text() : answer.status;
    } catch (error) { got[name] = "blocked"; }
  };
  const json = {"Content-Type": "application/json"};
  await attempt("read", "/api/flows/filter", {method: "POST", headers: json, body: "{}"});
  await attempt("read by a plain GET", "/api/admin/settings", {});
  await attempt("a token for changes", "/api/csrf-token?client=planted", {});
  await attempt("a flow", "/api/flows/", {method: "POST", headers: json, body: flow});
  await attempt("a deployment", "/api/deployments/", {method: "POST", headers: json, body: run});
  await attempt("without a type", "/api/flows/", {method: "POST", body: new Blob([flow])});
  await attempt("unseen", "/api/flows/", {method: "POST", mode: "no-cors", body: new Blob([flow])});
  await attempt("with a guess", "/api/flows/",
    {method: "POST", headers: {...json, Authorization: "Basic " + btoa("selfplay:selfplay")}, body: flow});
  for (const path of ["/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled",
                      "/api/work_pools/selfplay/workers/connect"]) {
    got[path] = await new Promise(told => {
      const socket = new WebSocket(url.replace("http", "ws") + path, ["prefect"]);
      socket.onopen = () => socket.send(JSON.stringify({type: "auth", token: "selfplay:selfplay"}));
      socket.onmessage = said => told(said.data);
      socket.onclose = () => told("closed");
    });
  }
  return got;
}"""
FORM = """([url, kind, text]) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: url + "/api/flows/", enctype: kind, target: "frame"});
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.name = "frame";
  const field = document.createElement("input");
  field.name = text; field.value = '"}';
  form.append(field);
  document.body.append(form);
  return new Promise(done => { frame.onload = done; setTimeout(done, 3000); form.submit(); }).then(() => true);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server alone, started as `up` starts it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        patch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "*")
        (home / "services").mkdir()
        state = State(token=uuid.uuid4().hex, port=free_port())
        services._start_server(state)
        process = living(state.server, state.mark("server"))
        services.until(lambda: services.is_healthy(services._asked(state)), services._log("server"), process)
        yield state
        services.down(print)


@pytest.fixture(scope="module")
def secret(server):
    return services._path("secret").read_text().strip()


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>another origin</title>")

    def log_message(self, *_):
        pass


@pytest.fixture
def page_of():
    """Open a page of an address; `rebound.example` leads to this machine."""
    foreign = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=foreign.serve_forever, daemon=True).start()
    with sync_playwright() as play:
        arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)

        def opened(address=f"http://localhost:{foreign.server_port}"):
            page = browser.new_page()
            page.goto(address)
            return page

        yield opened
        browser.close()
    foreign.shutdown()


def clients(state, secret):
    """Prefect's own client, in a process as a user's."""
    code = "from prefect.client.orchestration import get_client\nwith get_client(sync_client=True) as c:\n    "
    code += "print([f.name for f in c.read_flows()]); print(c.create_flow_from_name('ours'))"
    environment = os.environ | {"PREFECT_API_URL": f"{state.url}/api", "PREFECT_API_AUTH_STRING": secret}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_page_of_another_origin_starts_nothing_and_reads_nothing(server, secret, page_of):
    with_it = clients(server, secret)
    names, ours = with_it.stdout.splitlines()
    assert (names, len(ours)) == ("[]", 36), with_it.stderr
    for address in (None, f"http://{REBOUND}:{server.port}/ui-settings"):
        page = page_of(address) if address else page_of()
        url = f"http://{REBOUND}:{server.port}" if address else server.url
        got = page.evaluate(ATTACK, [url, ours])
        refused = ("blocked", "closed", 401, 403, 0)  # 0: sent, its answer not to be seen
        assert {name: answer for name, answer in got.items() if answer not in refused} == {}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        page_of().evaluate(FORM, [server.url, kind, '{"name": "planted", "tags": [], "x": "'])
    assert clients(server, secret).stdout.splitlines()[0] == "['ours']", "nothing was planted"


def test_a_run_without_the_secret_is_one_line_that_says_where_it_is(server, write_recipe, tmp_path, played):
    environment = {"PREFECT_API_URL": f"{server.url}/api", "PREFECT_API_AUTH_STRING": ""}
    code, _, errors = played(write_recipe(), tmp_path / "store", env=environment)
    assert (code, errors.count("\n")) == (4, 1), errors
    assert f"PREFECT_API_URL = {server.url}/api: it asks for a password; set PREFECT_API_AUTH_STRING" in errors


def test_a_change_by_who_has_the_password_needs_a_token_too(server, secret):
    """What a browser that remembers the password would send for a foreign page."""
    headers = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    told = httpx.post(f"{server.url}/api/flows/", headers=headers, json={"name": "planted"}, trust_env=False)
    assert (told.status_code, "CSRF" in told.text) == (403, True)


def test_the_ui_asks_for_the_password_and_then_shows_what_the_server_has(server, secret, page_of):
    page = page_of(server.url)
    field = page.locator("input[type=password]").or_(page.get_by_placeholder("user:pass")).first
    field.fill(secret)
    with page.expect_response(lambda answer: "/flow_runs/" in answer.url and answer.ok):
        page.keyboard.press("Enter")
    # what a person sees: an answer may come at any moment of a reload
    page.get_by_text("Logout").wait_for()
    page.reload()
    page.get_by_text("Logout").wait_for()  # it is asked once


def test_the_secret_is_in_a_file_of_its_user_and_in_no_command_line_log_or_state(server, secret):
    home = services._path(".")
    assert (home / "secret").stat().st_mode & 0o777 == 0o600
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if secret.split(":")[1] in command]
    holding = [path.name for path in home.rglob("*") if path.is_file() and secret.split(":")[1] in _text(path)]
    assert holding == ["secret"]
    said = []
    services._tell(server, services.DEPLOYMENTS, said.append)
    assert str(home / "secret") in "".join(said)
    assert secret.split(":")[1] not in "".join(said)


def _text(path):
    return path.read_bytes().decode(errors="replace")
