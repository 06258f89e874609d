"""Plays `train` in forked children of one process, so that tests can kill it: a JSON line in, a JSON line out.

A request names a folder, what to train, and perhaps the moment at which the child kills itself: `[file, text, nth]`,
before a line of that file that holds the text runs for the nth time; or a number, before the nth line of ours.
"""

import json
import os
import signal
import sys
from pathlib import Path

from flows import environment

environment.prepare()

import peft  # noqa: E402, F401  the children find their imports done
import torch  # noqa: E402
from datasets import Dataset  # noqa: E402, F401
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer  # noqa: E402, F401

from schemas.advantages import ADVANTAGES  # noqa: E402
from schemas.manifest import CheckpointRef, ValidRows  # noqa: E402
from schemas.preference_pairs import PREFERENCE_PAIRS  # noqa: E402
from schemas.sft_examples import SFT_EXAMPLES  # noqa: E402
from schemas.training import Train  # noqa: E402
from tasks.store.draft import Draft  # noqa: E402
from tasks.store.lineage import Lineage  # noqa: E402
from tasks.store.objects import file_digest, keep_checkpoint  # noqa: E402
from tasks.store.parquet import table_ref, write_part  # noqa: E402
from tasks.store.place import store_at  # noqa: E402
from tasks.train import train  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
OURS = ("tasks/train.py", "tasks/training/", "tasks/store/objects.py")
COMMON = {"batch_size": 4, "rows_at_once": 2, "schedule": "cosine", "warmup_steps": 1, "max_length": 64}
SFT = COMMON | {"steps": 5, "learning_rate": 1e-3, "completion_only": False}
DPO = COMMON | {"steps": 4, "learning_rate": 1e-3, "beta": 0.1, "loss_type": ["sigmoid", "sft"]}
POLICY = COMMON | {"waves": 2, "steps": 4, "learning_rate": 1e-3, "advantage": "group", "scale": "none"}
POLICY |= {"filter": "after", "clip_low": 0.2, "clip_high": 0.2, "reduction": "token"}
SETTINGS = {
    "policy": {"methods": ["policy"], "policy": POLICY},
    "sft": {"methods": ["sft"], "sft": SFT},
    "dpo": {"methods": ["dpo"], "dpo": DPO | {"loss_weights": [1.0, 0.2]}},
}
SETTINGS["stopping"] = SETTINGS["sft"] | {"stop": {"min_entropy": 100.0}}
SETTINGS["both"] = SETTINGS["sft"] | SETTINGS["dpo"] | {"methods": ["sft", "dpo"]}
SETTINGS["lora"] = SETTINGS["both"] | {"lora": {"rank": 4, "alpha": 8}}
LAUNCHED = {"launch": {"processes": 2}}
SETTINGS["sft launched"] = {"methods": ["sft"], "sft": SFT | {"steps": 16}} | LAUNCHED
SETTINGS["sft machines"] = SETTINGS["sft launched"] | {
    "launch": {"processes": 2, "machines": 2, "address": "127.0.0.1"}
}
SETTINGS["sft alone"] = {"methods": ["sft"], "sft": SFT | {"steps": 16}}
SETTINGS["dpo launched"] = {"methods": ["dpo"], "dpo": SETTINGS["dpo"]["dpo"] | {"steps": 12}} | LAUNCHED
SETTINGS["lora launched"] = SETTINGS["dpo launched"] | {"lora": {"rank": 4, "alpha": 8}}


def play(request: dict) -> None:
    """In the child: train in the request's folder, and leave result.json there."""
    torch.set_num_threads(1)
    folder, resumed, reports = Path(request["folder"]), [], []
    lineage = Lineage(store_at(folder), "small", ())
    draft = Draft(lineage, 1, "train", "0" * 32, seed=1, resumed=resumed.append)
    draft.report = lambda done, total, unit: reports.append(done)
    inputs = given(draft)
    settings = Train(**SETTINGS[request["what"]], save_minutes=request["save_minutes"])
    lines = kill_at(request["kill"])
    figures = train(draft, settings=settings, **inputs)
    sys.settrace(None)
    weights = draft.checkpoint(CheckpointRef(digest=figures["checkpoint"])) / "model.safetensors"
    result = {
        "figures": figures,
        "weights": file_digest(weights),
        "steps": draft.read(draft.tables()["train_steps"]).to_pylist(),
    }
    seen = {"resumed": resumed, "reports": reports, "lines": lines[0]}
    (folder / "result.json").write_text(json.dumps({"result": result, "seen": seen}))


def given(draft: Draft) -> dict:
    """What earlier stages would have written."""
    right = {"prompt": "1+2+3+4=\n", "agreement": 0.75, "question_id": "q"}
    pair = {"chosen_attempt_id": "a", "rejected_attempt_id": "b", "chosen": "#10"}
    pair |= {"chosen_winrate": 0.75, "rejected_winrate": 0.25, "pair_winrate": 1.0}
    tokens = {"prompt_ids": [5, 6, 7], "old_logps": [-1.0] * 4, "reference_logps": None, "kept": True}
    rows = {
        SFT_EXAMPLES: [
            right | {"id": f"sft-{i}", "attempt_id": f"a{i}", "completion": f"1+2=3\n3+3=6\n6+4=10\n#{10 + i}"}
            for i in range(7)
        ],
        PREFERENCE_PAIRS: [right | pair | {"id": f"pair-{i}", "rejected": f"#{i}"} for i in range(7)],
        ADVANTAGES: [
            {"id": f"advantage-{i}", "sample_id": f"a{i}", "group": "q", "prompt": "", "completion": ""}
            | {
                "reward": float(i % 2),
                "completion_ids": [8, 9, 3 + i, 4],
                "advantages": [i - 3.0] * 4,
            }
            | tokens
            for i in range(7)
        ],
    }
    refs = []
    for number, (table, content) in enumerate(rows.items(), 1):
        folder = draft.folder / table.name / f"{number:032x}"
        write_part(folder / "part-0000.parquet", table, content)
        refs.append(ValidRows(tables=(table_ref(draft.lineage.folder, folder, table),)))
    model = keep_checkpoint(draft.lineage.objects, ROOT / "deployments/models/tiny")
    names = ("sft_examples", "preference_pairs", "advantages")
    return {"model": model, "base": None} | dict(zip(names, refs, strict=True))


def kill_at(moment: list | int | None) -> list[int]:
    """Trace this process, and end it at the moment by SIGKILL; what is returned counts the lines of ours that ran."""
    count = [0]
    if isinstance(moment, list):
        files, text, nth = (moment[0],), moment[1], moment[2]
        loaded = {getattr(module, "__file__", None) or "" for module in sys.modules.values()}
        (source,) = (Path(path) for path in loaded if path.endswith("/" + moment[0]))
        wanted = {n for n, line in enumerate(source.read_text().splitlines(), 1) if text in line}
        assert wanted, f"{moment}: no such line"
    else:
        files, wanted, nth = OURS, None, moment

    def local(frame, event, _):
        if event == "line" and (wanted is None or frame.f_lineno in wanted):
            count[0] += 1
            if count[0] == nth:
                os.kill(os.getpid(), signal.SIGKILL)
        return local

    def called(frame, *_):
        name = frame.f_code.co_filename
        return local if any(part in name for part in files) else None

    sys.settrace(called)
    return count


for line in sys.stdin:
    asked = json.loads(line)
    out = Path(asked["folder"]) / "result.json"
    out.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        play(asked)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    print(json.dumps({"killed": killed} | (json.loads(out.read_text()) if out.exists() else {})), flush=True)
