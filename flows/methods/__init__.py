"""One file a method: its sections, and its sentences, one stage a line. METHODS is the one table of them."""

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from flows.methods.alpha_spin import alpha_spin
from flows.methods.correction import correction
from flows.methods.cot_self_instruct import cot_self_instruct
from flows.methods.eva import eva
from flows.methods.just_say import just_say
from flows.methods.knowrl import knowrl
from flows.methods.ladder import ladder
from flows.methods.language_self_play import language_self_play
from flows.methods.multi_agent_evolve import multi_agent_evolve
from flows.methods.opensir import opensir
from flows.methods.paso_doble import paso_doble
from flows.methods.rlsp import rlsp
from flows.methods.rlsr import rlsr
from flows.methods.rspo import rspo
from flows.methods.self_rewarding import self_rewarding
from flows.methods.serl import serl
from flows.methods.serl_online import serl_online
from flows.methods.spice import spice
from flows.methods.spin import spin
from flows.methods.spiral import spiral
from flows.methods.spo import spo
from flows.methods.sppo import sppo
from flows.methods.sprec import sprec
from flows.methods.sqlm import sqlm
from flows.methods.srt import srt
from flows.round import Round
from schemas.recipe import Recipe

METHODS: dict[str, Callable[[Round[Any]], None]] = {
    "alpha_spin": alpha_spin,
    "correction": correction,
    "cot_self_instruct": cot_self_instruct,
    "eva": eva,
    "just_say": just_say,
    "knowrl": knowrl,
    "ladder": ladder,
    "language_self_play": language_self_play,
    "multi_agent_evolve": multi_agent_evolve,
    "opensir": opensir,
    "paso_doble": paso_doble,
    "rlsp": rlsp,
    "rlsr": rlsr,
    "rspo": rspo,
    "self_rewarding": self_rewarding,
    "serl": serl,
    "serl_online": serl_online,
    "spice": spice,
    "spin": spin,
    "spiral": spiral,
    "spo": spo,
    "sppo": sppo,
    "sprec": sprec,
    "sqlm": sqlm,
    "srt": srt,
}


def recipe_class(name: str) -> type[Recipe]:
    """The sections that a method reads, as its function says."""
    (found,) = get_args(get_type_hints(METHODS[name])["r"])
    assert isinstance(found, type) and issubclass(found, Recipe)
    return found
