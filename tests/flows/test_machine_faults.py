"""Faults of the machine: disks that are full or read-only, too little memory, a clock that jumps."""

import os
import resource
import subprocess
import sys
import time

import pytest

from .faults import assert_stopped, rows, wait_for


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
@pytest.mark.parametrize("kilobytes", [100, 800, 1250])
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
@pytest.mark.parametrize("kilobytes", [8, 600, 1500])
def test_a_full_disk_under_prefect_hangs_nothing(tmp_path, write_recipe, played, disk, kilobytes):
    """Its database is only for show: the run ends well without it, or with one line."""
    home = disk(kilobytes, "home")
    ended = played(write_recipe(), tmp_path / "store", env={"PREFECT_HOME": str(home.folder)}, **home.options)
    if ended[0] != 0:
        assert_stopped(ended, tmp_path / "store", f"Prefect's server|{NO_ROOM}")


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
def test_a_clock_that_jumps_by_days_changes_nothing(tmp_path, write_recipe, played):
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
    began = time.monotonic()
    assert played(write_recipe(), tmp_path / "steady")[0] == 0
    assert took < 3 * (time.monotonic() - began) + 10
    assert rows(tmp_path / "jumping") == rows(tmp_path / "steady")
