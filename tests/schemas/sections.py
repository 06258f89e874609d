"""Sections that recipes of these tests take up."""

GOLD = {"path": "gold.jsonl", "question": "question", "solution": "solution"}
DPO = {
    "steps": 1, "batch_size": 1, "rows_at_once": 1, "learning_rate": 1e-5, "schedule": "constant", "max_length": 64,
    "beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": [1.0],
}  # fmt: skip
RSPO = {name: value for name, value in DPO.items() if "loss" not in name} | {
    "win_rates": "pool", "regularizer": "base_samples", "weight": 0.1,
}  # fmt: skip
BY_URL = {"kind": "openai", "url": "http://127.0.0.1:1/v1", "concurrency": 1, "timeout_seconds": 1}
TAUGHT = BY_URL | {"model": "teacher-7b", "revision": "2024-07-18"}
HERE = {"kind": "transformers", "batch_rows": 8}
