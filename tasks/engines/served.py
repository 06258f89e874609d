"""The name under which a server has a checkpoint's weights: who starts one and who asks it agree on it here."""


def served_name(digest: str) -> str:
    """Made from the digest: a name that stayed the same from round to round would answer with the wrong weights."""
    return f"selfplay-{digest[:16]}"
