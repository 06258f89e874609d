"""A process with a run's libraries loaded, which forks the `selfplay` command: a JSON line in, a JSON line out.

`{"arguments": [...], "environment": {...}, "log": path}` starts the command in a session of its own, as a terminal
would; the answer is its pid. `{"pid": n, "wait": bool}` is answered with its return code, null while it runs.
"""

import json
import os
import signal
import sys

from flows import environment

environment.prepare()

import great_expectations  # noqa: E402, F401
import torch  # noqa: E402, F401
from datasets import Dataset  # noqa: E402, F401
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: E402, F401
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer  # noqa: E402, F401

import flows.nightly  # noqa: E402, F401
from flows.main import main  # noqa: E402


def start(arguments: list[str], environment: dict[str, str], log: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for number, stream in ((os.open(os.devnull, os.O_RDONLY), 0), (written, 1), (written, 2)):
        os.dup2(number, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["selfplay", *arguments]
    main()
    raise AssertionError("main ends the process")


def code_of(pid: int, wait: bool) -> int | None:
    ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


print(json.dumps("warm"), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(start(**asked) if "arguments" in asked else code_of(**asked)), flush=True)
