"""join: this machine, beside the one that plays the round."""

from typing import Annotated

import typer

from flows.commands.options import StoreOption
from flows.console import Console
from schemas.errors import BadInput


def join(
    machine: Annotated[int, typer.Argument(min=1, help="Which one this is; 0 plays the round.")],
    store: StoreOption = "store",
) -> None:
    """Train with another machine: start this one's processes whenever a round of the store asks for them."""
    from tasks.store.place import on_disk, store_at
    from tasks.training.join import join as join_launches

    place = store_at(store)
    if on_disk(place) and not place.is_dir():
        raise BadInput(f"{store}: no folder is there; give the store's, on a disk that all machines see")
    join_launches(place, machine, Console().note)
