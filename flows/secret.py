"""Secrets of `selfplay up`: its Prefect server's, made once, in a file that its user alone may read; and the webhook.

They go to children in their environment: in no argument, which every user of the machine sees, log, store or recipe.
"""

import os
import secrets
import sys
from pathlib import Path

from schemas.errors import BadInput

WEBHOOK = "SELFPLAY_WEBHOOK_URL"
USER = "selfplay"  # Prefect's password is of the form user:password


def kept_secret(path: Path) -> str:
    """The secret, made now if there is none. Raises BadInput for a file that others may read."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{USER}:{secrets.token_urlsafe(32)}\n")
    except FileExistsError:
        about = path.lstat()
        if about.st_mode & 0o077 or about.st_uid != os.getuid() or not path.is_file() or path.is_symlink():
            raise BadInput(
                f"{path}: others may read this secret; selfplay down, remove the file, then selfplay up makes another"
            ) from None
    secret = path.read_text().strip()
    if not secret.removeprefix(f"{USER}:"):
        raise BadInput(f"{path}: empty; selfplay down, remove the file, then selfplay up makes another")
    return secret


def settings(secret: str, url: str) -> dict[str, str]:
    """Prefect's own, for the server and whoever asks it: a password, a token for each change, and CORS for its own
    pages alone."""
    return {
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": url,
        "PREFECT_API_AUTH_STRING": secret,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
    }


def webhook_url(file: str | None) -> str | None:
    """The URL to call on trouble, as a file, or standard input for `-`, or the environment has it. Raises BadInput,
    which does not repeat it."""
    if file is None:
        return os.environ.get(WEBHOOK) or None
    if "://" in file:
        raise BadInput(f"--webhook: name a file that holds the URL, or -, or set {WEBHOOK}; `ps` shows an argument")
    try:
        url = (sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadInput(f"--webhook: {file} cannot be read: {why}") from None
    if not url:
        raise BadInput(f"--webhook: {file} is empty; expected the URL")
    return url
