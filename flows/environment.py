"""The environment of our processes, made before any library is imported; children inherit it.

No telemetry, no network, no chatter, a home of its own; nothing of the shell that would change what is written
(tasks/environment.py); UTF-8; no proxy before this machine's own servers; no certificates that are not there.
"""

import logging
import os
import warnings
from collections.abc import MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import BadInput
from tasks.environment import is_loopback, take_out

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
    "PYTHONUTF8": "1",  # of children; flows/main.py sees to its own process
    "RAY_ENABLE_AUTO_CONNECT": "0",  # or a call that comes too late starts a cluster
    "RAY_NUM_REDIS_GET_RETRIES": "2",  # its default waits a quarter of an hour for a cluster that is gone
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",  # TRL draws bars whatever its settings say
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}


CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
URLS = ("PREFECT_API_URL", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")  # of servers that may stand on this machine


def prepare() -> None:
    """Take out what is foreign, and set what the user has not set. Warnings of libraries go to a log that nobody
    asked for, so they are dropped. Raises BadInput without a home."""
    take_out(os.environ)
    if os.environ.get("PYTHONUTF8") == "0":
        del os.environ["PYTHONUTF8"]
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _spare_loopback(os.environ)
    for name in CERTIFICATES:
        if name in os.environ and not _is_usable(os.environ[name]):
            del os.environ[name]  # every client would fail at it, also one that asks this machine alone
    _find_home(os.environ)
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


def is_plain() -> bool:
    """Whether the user wants no escape codes, not even on a terminal: no colours, no live bars."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def _spare_loopback(environment: MutableMapping[str, str]) -> None:
    """No proxy for this machine's names, and the addresses of it that are used: clients know no 127.0.0.0/8."""
    given = ",".join(environment.get(name, "") for name in ("no_proxy", "NO_PROXY")).split(",")
    hosts = [host for name in URLS if (host := _host(environment.get(name, "")))]
    spared = [*map(str.strip, given), "localhost", "127.0.0.1", "::1", *filter(is_loopback, hosts)]
    environment["no_proxy"] = environment["NO_PROXY"] = ",".join(dict.fromkeys(filter(None, spared)))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # whoever asks there says so
        return ""


def _find_home(environment: MutableMapping[str, str]) -> None:
    if not environment.get("HOME"):
        environment.pop("HOME", None)  # empty, it would be the root of all
        if (home := os.path.expanduser("~")) == "~":
            raise BadInput("HOME is not set, and this user has no home; set HOME to a folder that it may write in")
        environment["HOME"] = home


def _is_usable(certificates: str) -> bool:
    import ssl

    try:
        ssl.create_default_context(cafile=certificates)
    except OSError:  # not there, or nothing of the kind
        return False
    return True
