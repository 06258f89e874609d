"""What a process sets before any library is imported: no telemetry, no network, no chatter, a home of its own."""

import logging
import os
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

QUIET = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "PREFECT_HOME": str(ROOT / ".prefect"),
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # its first start migrates a database
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # or a call that comes too late starts a cluster
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # its default waits a quarter of an hour for a cluster that is gone
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",  # TRL draws bars whatever its settings say
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}


def prepare() -> None:
    """Set what the user has not set. Warnings of libraries go to a log that nobody asked for, so they are dropped."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore")
    for name in (
        "transformers",
        "trl",
        "great_expectations",
        "datasets",
        "httpx",
        "prefect",
        "EventsWorker",
        "torch",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)
