"""The process of the `selfplay` command, from its first signal handler to its exit code.

The first SIGINT or SIGTERM unwinds the run, so that it gives its server and its lineage back; further ones change
nothing. What has not unwound in GRACE_SECONDS, a long call into a library say, is cut off: a store outlives that.
"""

import atexit
import errno
import locale
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from flows.environment import QUIET, is_plain
from schemas.errors import FactoryError, Stopped

GRACE_SECONDS = 5.0
ENDS = {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("ended by SIGTERM", 143)}
GO_ON = "what is complete is kept; run again to go on"
OF_THE_WORLD = tuple(os.strerror(n) for n in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO))
PATHS = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)  # a run's own: 4

_came: list[int] = []  # signals, as they came
_unwinding = threading.Event()
_leaving = threading.Lock()  # never given back: of two threads that would end the process, one does


def main() -> None:
    """Run the command; every end that a user can act on is one line and an exit code."""
    _read_utf8()
    _listen()
    try:
        line, code = _ended()
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)  # the end is decided
    except BaseException:  # a signal, wherever it hit
        _unwinding.set()
    if _came or _unwinding.is_set():  # a library may have kept to itself what our handler raised
        with suppress(BaseException):
            atexit._run_exitfuncs()  # libraries' temporary folders
        _leave_by_signal()
    _leave(line, code)


def _read_utf8() -> None:
    """Begin again in UTF-8 mode where the locale says otherwise: libraries read files as it says."""
    set_otherwise = os.environ.pop("PYTHONIOENCODING", None)
    reads_utf8 = sys.flags.utf8_mode or locale.getencoding().lower() in ("utf-8", "utf8")
    if not reads_utf8 or (set_otherwise and not sys.flags.ignore_environment):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _listen() -> None:
    """Handle the signals that end a run. Their numbers are written to a pipe as well, which a thread reads: the clock
    runs while a library's call, or its own handler (Prefect has one for SIGTERM), keeps ours from running."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_be_deaf)  # a forked child's signals are its own
    for number in ENDS:
        signal.signal(number, _unwind)
    threading.Thread(target=_cut_off_in_time, args=(read,), name="signals", daemon=True).start()


def _be_deaf() -> None:
    signal.set_wakeup_fd(-1)
    for number in ENDS:
        signal.signal(number, signal.SIG_DFL)


def _unwind(number: int, frame: FrameType | None) -> None:
    _note(number)
    if not _unwinding.is_set():
        _unwinding.set()
        raise KeyboardInterrupt


def _note(number: int) -> None:
    _came.append(number)
    sys.unraisablehook = lambda _: None  # what unwinding breaks is no news
    threading.excepthook = lambda _: None
    logging.disable()


def _cut_off_in_time(read: int) -> None:
    while (number := os.read(read, 1)[0]) not in ENDS:
        pass
    _note(number)
    threading.Event().wait(GRACE_SECONDS)
    _leave_by_signal()


def _ended() -> tuple[str, int]:
    """Run the command; its last line and its exit code."""
    try:
        from flows.cli import app

        return "", int(app(standalone_mode=False, color=False if is_plain() else None) or 0)
    except FactoryError as error:
        return str(error), error.exit_code
    except SystemExit as ended:  # nobody reads our output any more: typer's own end
        return "", int(ended.code or 0)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own: a flag or an argument that cannot be used
            return f"{error.format_message().rstrip('.')}; see selfplay --help", 2
        if isinstance(error, OSError) and error.errno in PATHS and error.filename:
            return f"{error.filename}: {error.strerror}; give a path that this user may use", 2
        kept = _kept(traceback.format_exc())
        if _is_of_the_world(error):
            return f"{error}; {_mending(error) or GO_ON}", Stopped.exit_code
        return f"unexpected {error.__class__.__name__}; {kept}", Stopped.exit_code


def _is_of_the_world(error: Exception) -> bool:
    """Also what the system said, in a library's own class."""
    from tasks.store.place import is_of_the_world

    return is_of_the_world(error) or any(words in str(said) for said in _chain(error) for words in OF_THE_WORLD)


def _mending(error: Exception) -> str:
    from tasks.store.place import mending

    return mending(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _kept(text: str) -> str:
    path = Path(os.environ.get("PREFECT_HOME", QUIET["PREFECT_HOME"])) / "last-error.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"its traceback could not be kept: {error}; its last words: {text.splitlines()[-1][:300]}"
    return f"its traceback is in {path}"


def _leave_by_signal() -> NoReturn:
    """Without the interpreter's own end: it would wait for threads, and other signals would hit it."""
    _leaving.acquire()
    line, code = ENDS[signal.Signals(_came[0])] if _came else ENDS[signal.SIGTERM]
    if os.isatty(2) and not is_plain():
        _say("\x1b[?25h")  # a live bar hides the cursor
    _say(f"selfplay: {line}; {GO_ON}\n")
    os._exit(code)


def _leave(line: str, code: int) -> NoReturn:
    _leaving.acquire()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it any more, or its disk is full: the interpreter would try once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if line:  # it may hold a server's words, or a file's name
        plain = "".join(c if c.isprintable() else "?" for c in " ".join(line.split()))
        _say(f"selfplay: {plain}\n")
    late = threading.Timer(GRACE_SECONDS, os._exit, (code,))  # a library's own end may wait for a dead server
    late.daemon = True
    late.start()
    sys.exit(code)


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode(errors="backslashreplace"))  # no lock: another thread may have been cut off in print
