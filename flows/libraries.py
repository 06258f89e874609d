"""What stages import, loaded beside a run's first steps: in no stage's time, and in nobody's way."""

import threading
from contextlib import suppress

_loading = threading.Lock()


def begin_loading() -> None:
    """Load all of it in a thread, in the order in which a round asks for it."""
    # no daemon: an end of the process in the middle of torch's own start would not be a clean one
    threading.Thread(target=_load_all, name="libraries").start()


def load_for_models() -> None:
    """What the first token needs, once it is whole: a module of transformers takes another's place when it is, and
    who imports it a moment before is left with half of the first."""
    with _loading:
        import torch  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig  # noqa: F401


def _load_all() -> None:
    with suppress(Exception):  # the stage that needs it meets the same trouble, and says so
        load_for_models()
        threading.Thread(target=_load_later, name="later libraries", daemon=True).start()


def _load_later() -> None:
    """While the model generates. Not trl, whose module changes places like transformers' own."""
    with suppress(Exception):
        import accelerate  # noqa: F401
        import datasets  # noqa: F401
        import great_expectations  # noqa: F401
        import peft  # noqa: F401
        from transformers import Trainer  # noqa: F401
