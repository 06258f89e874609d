"""What the tests of faults share. Each fault ends in success after a retry, or in one line and exit code 4; then
nothing is published, and the same command typed again ends as if nothing had been."""

import json
import re
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SELFPLAY = [sys.executable, "-c", "from flows.main import main; main()"]


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
