"""Faults in the world, end to end: a run in a process of its own, real servers, real disks, a clock that jumps.

Each ends in success after a retry, or in one line and exit code 4; then nothing is published, and the same command
typed again ends as if nothing had been."""

import json
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
SELFPLAY = [sys.executable, "-c", "from flows.main import main; main()"]
BY_SERVER = {"engine__batch_rows": None, "engine__kind": "openai", "engine__concurrency": 4}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One PREFECT_HOME: the first start of a server migrates its database."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def started(home):
    """Start `selfplay run`, with a Prefect server of its own; what is left of it at the end is ended."""
    processes = []

    def start(recipe, store, **options):
        environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
        environment |= {"PREFECT_HOME": str(home), **options.pop("env", {})}
        command = [*SELFPLAY, "run", str(recipe), "--store", str(store)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()


@pytest.fixture
def played(started):
    """Run to the end; exit code, standard output, standard error."""

    def play(recipe, store, timeout=300, **options):
        process = started(recipe, store, **options)
        output, errors = process.communicate(timeout=timeout)
        return process.returncode, output, errors

    return play


def assert_stopped(ended, store, words):
    """One line, exit code 4, nothing published."""
    code, _, errors = ended
    assert (code, errors.count("\n")) == (4, 1), errors
    assert re.search(words, errors), errors
    assert "Traceback" not in errors
    assert not list(Path(store).glob("*/round-*/manifest.json"))


def rows(store):
    """Digest of every table and of the candidate of the first round."""
    manifest = json.loads((Path(store) / "small/round-0001/manifest.json").read_bytes())
    tables = {name: [ref["digest"] for ref in refs] for name, refs in manifest["tables"].items()}
    return tables | {"decision": manifest["decision"], "candidate": manifest["candidate"]}


def wait_for(path, process, seconds=180):
    """Until the run has written a file like this."""
    until = time.monotonic() + seconds
    while not list(path.parent.glob(path.name)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, f"no {path}"
        time.sleep(0.02)


# --- an engine server


class Sums(BaseHTTPRequestHandler):
    """Completes as the tiny model does: a sum step by step, or a numbered list of sums. The seed decides all."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        objects = self.server.store / "objects"
        kept = objects.iterdir() if objects.exists() else []
        names = [f"selfplay-{folder.name[:16]}" for folder in kept if (folder / "object.json").exists()]
        self.answer(200, {"data": [{"id": name} for name in names]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.fault_of_next_request()
        with suppress(OSError):  # the engine may leave in the middle
            if callable(fault):
                return fault(self)
            if fault:
                return self.answer(*fault)
            choices = [
                {"index": i, "text": completed(body["prompt"], f"{body['model']} {body['seed']} {i}")}
                | {"finish_reason": "stop"}
                for i in range(body["n"])
            ]
            self.answer(200, {"choices": choices, "usage": {"completion_tokens": 1}})

    def answer(self, status, content, **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def completed(prompt, noise):
    chance = random.Random(f"{prompt} {noise}")
    if prompt.endswith("=\n"):
        terms = [int(term) for term in prompt.removesuffix("=\n").split("+")]
        chance.shuffle(terms)
        total, steps = terms[0], []
        for term in terms[1:]:
            slip = chance.random() < 0.08
            steps.append(f"{total}+{term}={total + term + slip}")
            total += term + slip
        return "\n".join([*steps, f"#{total}"])
    sums = ["+".join(str(chance.randint(1, 9)) for _ in range(chance.randint(4, 6))) for _ in range(3)]
    return f" {sums[0]}\n4. {sums[1]}\n5. {sums[2]}"


class Engine(ThreadingHTTPServer):
    request_queue_size = 64
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, store, faults=None, last=None, port=0):
        super().__init__(("127.0.0.1", port), Sums)
        self.store, self.faults, self.last = store, faults or {}, last
        self.asked = 0
        self.counting = threading.Lock()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def fault_of_next_request(self):
        with self.counting:
            self.asked += 1
            return self.faults.get(self.asked, self.last if self.asked > max(self.faults, default=0) else None)


@pytest.fixture
def engine(request):
    """A completion server for the weights of a store."""

    def serve(*arguments, **options):
        server = Engine(*arguments, **options)
        request.addfinalizer(server.server_close)
        request.addfinalizer(server.shutdown)
        return server

    return serve


@pytest.fixture(scope="module")
def by_server(tmp_path_factory, quickstart, written_recipe):
    """The small recipe, played through a server at this URL."""

    def write(url, **changes):
        folder = tmp_path_factory.mktemp("recipe")
        return written_recipe(folder, quickstart, "small", **BY_SERVER, engine__url=url,
                              **{"engine__timeout_seconds": 20, **changes})  # fmt: skip

    return write


def cut_off(api):
    api.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"choices"')
    api.close_connection = True


def hang_up(api):
    api.close_connection = True


def hang(api):
    time.sleep(10)
    api.close_connection = True


def never_end(api):
    api.wfile.write(b'HTTP/1.1 200 OK\r\n\r\n{"choices": [')
    while True:
        api.wfile.write(b"[]," * 10_000)


def go_away_for_a_while(api):
    """The server ends in the middle of all that is under way, and another one comes back at its port."""
    port = api.server.server_port
    api.server.shutdown()
    api.server.socket.close()
    api.close_connection = True

    def come_back():
        time.sleep(3)
        back = Engine(api.server.store, port=port)
        back.asked = 10_000

    threading.Thread(target=come_back, daemon=True).start()


PASSING = {
    2: (429, {}),
    5: (500, b"<html>oops</html>"),
    6: (500, {}),
    9: (200, b'{"choices": ['),
    12: cut_off,
    18: hang_up,
    21: never_end,
    24: hang,
    40: (503, b""),
    45: (200, {"choices": [{"text": "#5", "index": 0, "finish_reason": "stop"}], "usage": {}}),  # one of four
    70: go_away_for_a_while,
}


@pytest.mark.slow
def test_a_round_through_a_server_with_passing_faults_has_the_rows_of_one_without(
    tmp_path, engine, by_server, played
):
    steady, shaky = tmp_path / "steady", tmp_path / "shaky"
    code, _, errors = played(by_server(engine(steady).url), steady)
    assert (code, errors) == (0, "")
    server = engine(shaky, PASSING)
    code, _, errors = played(by_server(server.url, engine__timeout_seconds=3), shaky)
    assert (code, errors) == (0, "")
    assert server.asked >= max(PASSING)
    assert rows(shaky) == rows(steady)


LASTING = {
    "500": ((500, b"out of order"), "HTTP 500"),
    "429": ((429, b""), "HTTP 429"),
    "too long a prompt": ((400, b"maximum context length"), "HTTP 400.*maximum context length"),
    "wrong shape": ((200, {"choices": {}}), "no list of choices"),
    "never ends": (never_end, "bytes"),
    "hangs": (hang, r"no whole answer in 1 s \(engine.timeout_seconds\)"),
    "hangs up": (hang_up, "RemoteProtocolError"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", LASTING)
def test_a_server_that_fails_for_good_in_the_middle_stops_the_run_and_a_rerun_goes_on(
    tmp_path, engine, by_server, played, fault
):
    answer, words = LASTING[fault]
    store = tmp_path / "store"
    server = engine(store, {45: None}, last=answer)
    recipe = by_server(server.url, engine__timeout_seconds=1)
    assert_stopped(played(recipe, store), store, rf"/v1/completions: .*{words}.*run again\n")
    server.last = None
    assert played(recipe, store)[0] == 0


@pytest.mark.slow
def test_nobody_at_the_url_or_other_weights_stop_the_run_with_what_to_do(tmp_path, engine, by_server, played):
    server = engine(tmp_path / "elsewhere")
    assert_stopped(
        played(by_server(server.url), tmp_path / "a"), tmp_path / "a", "start it with: vllm serve .* run again"
    )
    recipe = by_server(server.url)
    server.shutdown()
    server.server_close()
    assert_stopped(played(recipe, tmp_path / "b"), tmp_path / "b", "ConnectError.* run again")


# --- Prefect's server


@pytest.mark.slow
def test_a_run_goes_on_when_its_prefect_server_dies(tmp_path, write_recipe, started):
    store = tmp_path / "store"
    process = started(write_recipe(), store)
    wait_for(store / "small/round-0001/stages/propose-*", process)
    for child in psutil.Process(process.pid).children():
        if "flows.server" in child.cmdline():
            child.kill()
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
def test_a_users_prefect_server_that_goes_away_ends_the_run_with_one_line(tmp_path, write_recipe, started, home):
    store = tmp_path / "store"
    with serving_prefect(home) as (url, server):
        process = started(write_recipe(), store, env={"PREFECT_API_URL": url, "PREFECT_CLIENT_MAX_RETRIES": "1"})
        wait_for(store / "small/round-0001/stages/train-*", process)
        server.kill()
        _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors.count("\n")) == (4, 1), errors
    assert f"Prefect's server at {url}: ConnectError" in errors
    assert "published stay" in errors


@contextmanager
def serving_prefect(home):
    """A Prefect server as a user has one: nobody starts it again."""
    with socket.create_server(("127.0.0.1", 0)) as door, open(home / "users-server.log", "ab") as log:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/api"
        database = f"sqlite+aiosqlite:///{home}/users.db"
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(door.fileno()), str(os.getpid())], cwd=ROOT,
            pass_fds=[door.fileno()], stdout=log, stderr=log,
            env=os.environ | {"PREFECT_HOME": str(home), "PREFECT_SERVER_DATABASE_CONNECTION_URL": database},
        )  # fmt: skip
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=120) as answer:
            assert answer.status == 200
        yield url, process
    finally:
        process.kill()
        process.wait()


# --- disks


class Disk:
    """A disk of its own at a folder; where mounting is not allowed, a limit on each file's size takes its place."""

    def __init__(self, folder, kilobytes):
        self.folder, self.kilobytes = folder, kilobytes
        folder.mkdir()
        self.mounted = self._mount(f"size={kilobytes}k")
        self.options = {} if self.mounted else {"preexec_fn": self._limit}

    def grow(self):
        self.options = {}
        assert not self.mounted or self._mount("remount,size=64m")

    def make_read_only(self):
        if self.mounted:
            assert self._mount("remount,ro")
        else:
            self.folder.chmod(0o555)

    def end(self):
        self.folder.chmod(0o755) if not self.mounted else subprocess.run(
            ["umount", "--lazy", self.folder], check=True
        )

    def _mount(self, options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0

    def _limit(self):
        most = self.kilobytes * 1024 // 8
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@pytest.fixture
def disk(tmp_path, request):
    def make(kilobytes, name="disk"):
        made = Disk(tmp_path / name, kilobytes)
        request.addfinalizer(made.end)
        return made

    return make


NO_ROOM = "No space left on device|File too large"


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [100, 480, 800, 1000, 1250])
def test_a_full_disk_stops_the_run_and_with_room_again_a_rerun_goes_on(
    tmp_path, write_recipe, played, disk, kilobytes
):
    recipe, full = write_recipe(), disk(kilobytes)
    assert_stopped(played(recipe, full.folder, **full.options), full.folder, NO_ROOM)
    assert_stopped(played(recipe, full.folder, **full.options), full.folder, NO_ROOM)
    full.grow()
    assert played(recipe, full.folder)[0] == 0
    assert played(recipe, tmp_path / "never")[0] == 0
    assert rows(full.folder) == rows(tmp_path / "never")


def test_a_store_that_is_read_only_stops_the_run_soon(write_recipe, played, disk):
    fixed = disk(4000)
    if not fixed.mounted:
        pytest.skip("mounting is not allowed here; permissions are in test_bad_input.py")
    fixed.make_read_only()
    began = time.monotonic()
    assert_stopped(played(write_recipe(), fixed.folder), fixed.folder, "Read-only file system")
    assert time.monotonic() - began < 60
    assert not list(fixed.folder.iterdir())


@pytest.mark.slow
def test_a_store_that_becomes_read_only_stops_the_run(write_recipe, started, disk):
    fixed = disk(8000)
    process = started(write_recipe(), fixed.folder)
    wait_for(fixed.folder / "small/round-0001/stages/propose-*", process)
    while subprocess.run(["mount", "-o", "remount,ro", fixed.folder], stderr=subprocess.DEVNULL).returncode:
        time.sleep(0.01)  # busy: a file is open for writing
    output, errors = process.communicate(timeout=300)
    assert_stopped((process.returncode, output, errors), fixed.folder, "Read-only file system")


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [8, 600, 1500])
def test_a_full_disk_under_prefect_hangs_nothing(tmp_path, write_recipe, played, disk, kilobytes):
    """Its database is only for show: the run ends well without it, or with one line."""
    home = disk(kilobytes, "home")
    ended = played(write_recipe(), tmp_path / "store", env={"PREFECT_HOME": str(home.folder)}, **home.options)
    if ended[0] != 0:
        assert_stopped(ended, tmp_path / "store", f"Prefect's server|{NO_ROOM}")


# --- memory


@pytest.mark.slow
def test_a_run_out_of_memory_names_the_setting_that_would_mend_it(tmp_path, write_recipe, started, played):
    store = tmp_path / "store"
    recipe = write_recipe(engine__batch_rows=100_000, solve__num_samples=512)
    process = started(recipe, store)
    wait_for(store / "small/round-0001/stages/propose-*", process)
    size = psutil.Process(process.pid).memory_info().vms
    resource.prlimit(process.pid, resource.RLIMIT_AS, (size + 3 * 10**8, resource.RLIM_INFINITY))
    output, errors = process.communicate(timeout=300)
    words = "out of memory: engine.batch_rows = 100000 is too many at once; lower it, then run again"
    assert_stopped((process.returncode, output, errors), store, words)
    lower = write_recipe(engine__batch_rows=256, solve__num_samples=4)
    assert played(lower, store)[0] == 0


# --- clocks

JUMPING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>
static long days(void) {  /* another day every 700 ms: forth and back */
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    struct timespec t;
    real(CLOCK_MONOTONIC, &t);
    long step = (t.tv_sec * 1000 + t.tv_nsec / 1000000) / 700;
    return (step * 2654435761u >> 8) % 61 - 30;
}
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, t);
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) t->tv_sec += days() * 86400;
    return done;
}
int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec; t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_clock_that_jumps_by_days_changes_nothing(tmp_path, write_recipe, played):
    (tmp_path / "jumping.c").write_text(JUMPING)
    library = tmp_path / "jumping.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "jumping.c", "-ldl"], check=True)
    clock = {"LD_PRELOAD": str(library)}
    asked = [sys.executable, "-c", "import time; a = time.time(); time.sleep(3); print(abs(time.time() - a) > 3600)"]
    assert subprocess.run(asked, env=os.environ | clock, capture_output=True, text=True).stdout == "True\n"
    began = time.monotonic()
    code, _, errors = played(write_recipe(), tmp_path / "jumping", env=clock)
    assert (code, errors) == (0, "")
    took = time.monotonic() - began
    began = time.monotonic()
    assert played(write_recipe(), tmp_path / "steady")[0] == 0
    assert took < 3 * (time.monotonic() - began) + 10
    assert rows(tmp_path / "jumping") == rows(tmp_path / "steady")
