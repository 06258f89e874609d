"""Faults of the machine: disks that are full or read-only, too little memory, a clock that jumps."""

import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from .faults import ROOT, SELFPLAY, assert_stopped, rows, wait_for
from .serving import serving_prefect


class Disk:
    """A disk of its own at a folder; where mounting is not allowed, a limit on each file's size takes its place."""

    def __init__(self, folder, kilobytes):
        self.folder, self.kilobytes = folder, kilobytes
        folder.mkdir()
        self.mounted = self._mount(f"size={kilobytes}k")
        self.options = {} if self.mounted else {"preexec_fn": self._limit}

    def fill(self):
        with suppress(OSError), open(self.folder / "filler", "wb", buffering=0) as filler:
            while filler.write(b"x" * 4096):
                pass

    def grow(self, kilobytes=65536):
        self.kilobytes = kilobytes
        assert not self.mounted or self._mount(f"remount,size={kilobytes}k")

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


class Undisturbed(NamedTuple):
    rows: dict[str, Any]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, quickstart, written_recipe):
    """The same run on a machine that has no faults."""
    folder, began = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
    command = [*SELFPLAY, "run", str(written_recipe(folder, quickstart, "small")), "--store", str(folder / "store")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Undisturbed(rows(folder / "store"), time.monotonic() - began)


NO_ROOM = "No space left on device|File too large"


@pytest.mark.slow
def test_a_full_disk_stops_the_run_wherever_it_is_and_with_room_again_a_rerun_goes_on(
    write_recipe, played, disk, undisturbed
):
    """With a little more room each time the run comes to a later stage, over what was left of the one before."""
    recipe, full = write_recipe(), disk(100)
    for kilobytes in (100, 800, 800, 1250):
        full.grow(kilobytes)
        assert_stopped(played(recipe, full.folder, **full.options), full.folder, NO_ROOM)
    full.grow()
    assert played(recipe, full.folder, **full.options)[0] == 0
    assert rows(full.folder) == undisturbed.rows


def test_a_store_that_is_read_only_stops_the_run_soon(write_recipe, played, disk):
    fixed = disk(4000)
    fixed.make_read_only()
    began = time.monotonic()
    ended = played(write_recipe(), fixed.folder)
    if fixed.mounted:
        assert_stopped(ended, fixed.folder, "Read-only file system")
    else:  # a folder that this user may not write to
        assert ended[0] == 2
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
def test_a_full_disk_under_prefect_hangs_nothing(tmp_path, write_recipe, played, disk):
    """Its database is only for show: the run ends well without it, or with one line."""
    home = disk(8000, "home")
    with serving_prefect(home.folder) as (url, server):
        if home.mounted:
            home.fill()
        else:  # none of the server's files can grow
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, 0))
        ended = played(write_recipe(), tmp_path / "store", env={"PREFECT_API_URL": url})
    assert ended[0] == 0 or (ended[0] == 4 and ended[2].count("\n") == 1 and "Prefect's server" in ended[2]), ended


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
def test_a_clock_that_jumps_by_days_changes_nothing(tmp_path, write_recipe, played, undisturbed):
    (tmp_path / "jumping.c").write_text(JUMPING)
    library = tmp_path / "jumping.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "jumping.c", "-ldl"], check=True)
    clock = {"LD_PRELOAD": str(library)}
    days = "import time; print(len({(time.time(), time.sleep(0.8))[0] // 86400 for _ in range(6)}))"
    seen = subprocess.run([sys.executable, "-c", days], env=os.environ | clock, capture_output=True, text=True).stdout
    assert int(seen) > 1  # any two looks may fall on one day: six do not
    began = time.monotonic()
    code, _, errors = played(write_recipe(), tmp_path / "jumping", env=clock)
    assert (code, errors) == (0, "")
    took = time.monotonic() - began
    assert took < 3 * undisturbed.seconds + 10
    assert rows(tmp_path / "jumping") == undisturbed.rows
