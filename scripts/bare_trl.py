"""A bare TRL script, for scripts/bench_training.py to hold the factory against: rows in, weights out, nothing kept.

python scripts/bare_trl.py sft MODEL ROWS.parquet OUT '{"max_steps": 100, ...}'
"""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer


def main(method: str, source: str, rows: str, target: str, arguments: str) -> None:
    config, trainer, columns = {
        "sft": (SFTConfig, SFTTrainer, ["prompt", "completion"]),
        "dpo": (DPOConfig, DPOTrainer, ["prompt", "chosen", "rejected"]),
        "sppo": (DPOConfig, DPOTrainer, ["prompt", "chosen", "rejected"]),  # with loss_type sppo_hard
    }[method]
    trained = trainer(
        model=AutoModelForCausalLM.from_pretrained(source, dtype="float32"),
        args=config(
            output_dir=str(Path(target) / "work"), save_strategy="no", logging_steps=1, report_to="none",
            use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True, **json.loads(arguments),
        ),
        train_dataset=Dataset(pq.read_table(rows, columns=columns)),
        processing_class=AutoTokenizer.from_pretrained(source),
    )  # fmt: skip
    trained.train()
    trained.save_model(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
