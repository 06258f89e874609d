"""`up` and `down` with a real Prefect server and worker: what died is mended, and nothing is left."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from flows import services
from schemas.errors import BadInput

from .night import Server, deployments, free_port, is_crashed, kill_worker_and_run, left_over, naming, parts, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_webhook_stands_in_no_command_line_of_all_that_up_starts(tmp_path, services_home):
    secret, shown, ended = "secret-of-the-webhook", [], threading.Event()

    def watch():
        while not ended.wait(0.02):
            for process in psutil.process_iter():
                with suppress(psutil.Error):
                    shown.extend(word for word in process.cmdline() if secret in word)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    command = [sys.executable, "-c", "from flows.main import main; main()", "up", "--port", str(free_port())]
    ran = subprocess.run(
        [*command, "--webhook", "-"], cwd=Path(services.ROOT), text=True, capture_output=True,
        input=f"http://127.0.0.1:9/{secret}\n", env={**os.environ, "SELFPLAY_STORE": str(tmp_path / "store")},
    )  # fmt: skip
    server = Server(services._read())
    names = [automation["name"] for automation in server.ask("automations/filter")]
    services.down(print)
    ended.set()
    watching.join()
    assert ran.returncode == 0, ran.stderr
    assert "selfplay-webhook-run" in names, "it was taken"
    assert shown == []
    assert secret not in ran.stdout + ran.stderr
    assert not [path for path in services_home.glob("services/*.log") if secret in path.read_text(errors="replace")]


@pytest.fixture
def unrelated():
    """A process of the same user that nobody may end."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "PREFECT_HOME"}
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], env=elsewhere)
    yield process
    process.kill()
    process.wait()


def test_up_starts_everything_mends_what_died_and_down_leaves_nothing(
    unrelated, tmp_path, services_home, write_recipe
):
    store, port = tmp_path / "store", free_port()
    file = deployments(tmp_path, write_recipe(solve__questions_per_shard=4), store, "0 3 1 1 *")
    said = []
    services.up(port, None, None, said.append, file)
    state = services._read()
    assert any(f"http://127.0.0.1:{port}" in line for line in said)
    listening = {c.laddr.ip for p in left_over(state) for c in p.net_connections("tcp") if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    assert httpx.get(state.url, trust_env=False).text.lstrip().startswith("<!DOCTYPE html>")
    server = Server(state)
    assert [a["name"] for a in server.ask("automations/filter")] == ["selfplay-crashed-run"]
    names = {d["name"] for d in server.ask("deployments/filter")}
    assert names == {"nightly", "weekly-audit"}

    said.clear()
    services.up(None, None, None, said.append, file)
    assert said[0] == "up already; deploying again"
    assert services._read() == state
    with pytest.raises(BadInput, match="up already"):
        services.up(free_port(), None, None, said.append, file)

    # a run and its worker die together, as when the machine does: `up` says so at once, and starts a worker
    run = server.start("nightly")
    until("a run is in the middle of a stage", lambda: len(parts(store)) >= 2, 300)
    kill_worker_and_run()
    said.clear()
    services.up(None, None, None, said.append, file)
    assert "starting what is not up" in said[0]
    assert "is gone" in is_crashed(server.run(run["id"]))["state"]["message"]
    mended = services._read()
    assert (mended.server, mended.worker == state.worker) == (state.server, False)

    # `down` while a run is under way: its `finally` is played, its lock released
    again = server.start("nightly")
    before = len(parts(store))
    until("the next run goes on", lambda: len(parts(store)) > before, 300)
    began = time.monotonic()
    services.down(said.append)
    print(f"{time.monotonic() - began:6.1f} s  down, with a run under way")
    assert left_over(mended) == []
    assert unrelated.poll() is None
    assert "1 flow run ended" in said[-1]
    assert len(list((store / "small/lock").glob("*.released"))) == 1, "the first was killed, the second could leave"
    assert again["id"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(state.url, trust_env=False)

    # what a killed `up` left half-done is taken up again, on the same port
    interrupted = subprocess.Popen(
        [sys.executable, "-c", "from flows.main import main; main()", "up", "--port", str(port)],
        cwd=Path(services.ROOT), start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    until("the server is written down", lambda: (s := services._read()) and s.server, 60)
    interrupted.kill()
    interrupted.wait()
    services.up(None, None, None, said.append, file)
    assert services._read().worker
    services.down(said.append)
    assert left_over(state) == [] and unrelated.poll() is None
    until(f"all that it started is gone: {naming(services_home)}", lambda: not naming(services_home), 10)
