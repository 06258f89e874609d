"""The secret of the Prefect server that `selfplay up` starts: made once, in a file that its user alone may read.

It goes to the server, the worker and the runs in their environment: in no argument, log, store or recipe.
"""

import os
import secrets
from pathlib import Path

from schemas.errors import BadInput

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
