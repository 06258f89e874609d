"""The arms of bench_methods.py: every method by the recipe that ships for it, its control and its ablations, and the
training family, which plays the quickstart's sums at one budget.

A method has its arm, and one with a label drawn at random if it votes, by being in METHODS with a recipe on the tiny
model; an ablation is a line of ABLATIONS.
"""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from flows.methods import METHODS, recipe_class

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "deployments/recipes"
Changes = dict[str, Any]


class Arm(NamedTuple):
    recipe: dict[str, Any]
    rounds: int
    """At most."""


ROUNDS = 4
FAMILY_ROUNDS, FAMILY_ITEMS, FAMILY_SAMPLED = 2, 2000, 500
UNGROUNDED = str(ROOT / "scripts/data/pose_nothing.jinja")

GOLD = {"gold": {"path": "../data/sums/gold.jsonl", "question": "question", "solution": "solution"}}
STEPS, ROWS = 200, 64  # a step of ROWS solutions: half as many pairs
STEP = {"schedule": "cosine", "warmup_steps": 10, "max_length": 128}
PAIRS = STEP | {
    "steps": STEPS,
    "batch_size": ROWS // 2,
    "rows_at_once": ROWS // 2,
    "learning_rate": 1e-4,
    "beta": 0.1,
}
SIGMOID = {"loss_type": ["sigmoid"], "loss_weights": [1.0]}
SLOW = PAIRS | {"learning_rate": 3e-6}  # at 1e-4 DPO fell to 45% and SPIN to 18%, at 1e-5 to 70% and 57%
WIN_RATES = PAIRS | {"win_rates": "pool"}
BOTH_KL = {"regularizer": "forward_and_reverse_kl", "weight": 0.1, "reverse_weight": 1.0}
WAVES = 5
POLICY = STEP | {"steps": STEPS // WAVES, "waves": WAVES, "batch_size": ROWS, "rows_at_once": ROWS}
POLICY |= {"learning_rate": 1e-4, "clip_low": 0.2, "clip_high": 0.2, "filter": "after"}
BAND = {"min_agreement": 0.3, "max_agreement": 0.9}
EVERYTHING = {"min_agreement": 0.0, "max_agreement": 1.0}
FAST: Changes = {"learning_rate": 1e-3, "advantage": "batch", "reduction": "token"}

AGAINST_GOLD: Changes = dict.fromkeys(("propose", "vote", "select", "build"))
AGAINST_GOLD |= {"method": "spin", "pair_gold": {"pairs_per_question": 4}}
AGAINST_GOLD |= {"data": GOLD | {"seeds": None, "probe": None}}
AGAINST_GOLD |= {"validation": dict.fromkeys(("min_sft_examples", "min_vote_precision", "max_unparsable"))}


def trained(loss: str, section: Changes) -> Changes:
    """What an arm changes of a recipe, to be trained otherwise."""
    return {"train": {"methods": [loss], loss: section}}


def policy(select: Changes = BAND, **settings: Any) -> Changes:
    """An arm in waves."""
    checks = {
        "min_sft_examples": None,
        "min_preference_pairs": None,
        "min_policy_rows": 100,
        "min_vote_precision": 0.0,
    }
    online = {"method": "serl_online", "build": None, "select": select, "validation": checks}
    return trained("policy", POLICY | settings) | online


FAMILY: dict[str, Changes] = {
    "SFT": {"controls": {"seeds_alone": True, "random_label": True}, "data": GOLD},
    "DPO": trained("dpo", SLOW | SIGMOID),
    "SPIN": trained("spin", SLOW) | AGAINST_GOLD,
    "SPPO": trained("sppo", WIN_RATES),
    "RSPO": trained("rspo", WIN_RATES | BOTH_KL),
    "GRPO": policy(advantage="group", scale="sample", reduction="sequence"),
    "RLOO": policy(advantage="leave_one_out", reduction="constant"),
    "REINFORCE++": policy(advantage="batch", reduction="token", kl="reward", kl_weight=1e-3, reference="base"),
    "fast, band": policy(**FAST),
    "fast, no band": policy(select=EVERYTHING, **FAST),  # as SRT: the vote on every question
}

DPO_FOR_SPPO = (
    STEP | SIGMOID | {"steps": 20, "batch_size": 32, "rows_at_once": 32, "learning_rate": 1e-5, "beta": 0.1}
)
DPO_FOR_SPPO |= {"schedule": "linear", "warmup_steps": 4}  # all as in sppo.toml, but for the loss
ABLATIONS: dict[str, dict[str, Changes]] = {
    "cot_self_instruct": {"easy ones too": {"select_consistent": {"max_agreement": 1.0}}},
    "eva": {"uniform": {"evolve": {"drawn": "uniform"}}},
    "just_say": {"both under one prompt": {"pair_prompted": {"closeness": [1.0]}}},
    "knowrl": {"not balanced": {"select": {"balanced": False}}},
    "language_self_play": {"no judge of quality": {"grade": None, "data": {"probe": None}}},
    "opensir": {"no diversity": {"reward_diversity": {"weight": 0}}},
    "paso_doble": {"no diversity": {"reward_proposer": {"reward": "wrong_share"}}},
    "rlsp": {"correctness alone": {"reward_exploration": {"correctness": 1.0}}},
    "spice": {"not grounded": {"pose": {"prompt": UNGROUNDED}}},
    "sppo": {"by DPO": trained("dpo", DPO_FOR_SPPO)},
    "srt": {"no band": {"select": {"max_agreement": 1.0}}},
}
RANDOM: Changes = {"vote": {"rule": "random", "min_share": None, "reward": None}}
RANDOM |= {"validation": {"min_vote_precision": 0.0}}  # it would fail the round, and the control is to be seen


def arms() -> dict[str, Arm]:
    """Name -> recipe. `method`, `method, random label`, `method, ablation`; those of the training family in capitals
    or by their rate."""
    found = {name: family_arm(changes) for name, changes in FAMILY.items()}
    for method in METHODS:
        recipe, changes = shipped(method), dict(ABLATIONS.get(method, {}))
        if "vote" in recipe_class(method).model_fields:
            changes["random label"] = RANDOM
        found[method] = Arm(recipe, ROUNDS)
        found |= {f"{method}, {name}": Arm(changed(recipe, change), ROUNDS) for name, change in changes.items()}
    return found


def family_arm(changes: Changes) -> Arm:
    recipe = changed(read(RECIPES / "quickstart.toml"), absolute(changes))
    recipe["benchmarks"][0]["sample"], recipe["evaluate"]["sampled_items"] = FAMILY_ITEMS, FAMILY_SAMPLED
    return Arm(recipe, FAMILY_ROUNDS)


def shipped(method: str) -> dict[str, Any]:
    """The method's first recipe on the tiny model; of serl's, the quickstart."""
    paths = sorted(RECIPES.glob("*.toml"), key=lambda path: (path.stem != "quickstart", path.stem))
    recipes = (read(path) for path in paths)
    return next(r for r in recipes if r["method"] == method and Path(r["model"]["path"]).name == "tiny")


def read(path: Path) -> dict[str, Any]:
    return dict(absolute(tomllib.loads(path.read_text(encoding="utf-8"))))


def absolute(value: Any) -> Any:
    """Every path, and every prompt of one's own, as it is from the recipes' folder."""
    if isinstance(value, list):
        return [absolute(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: absolute(inner) for key, inner in value.items()}
    path = value.get("path")
    return found | ({"path": str((RECIPES / path).resolve())} if isinstance(path, str) else {})


def changed(recipe: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """The recipe with an arm's values; `train` is replaced as a whole, None takes a key away."""
    found = dict(recipe)
    for key, value in changes.items():
        whole = not isinstance(value, dict) or key == "train"
        found[key] = value if whole else changed(found.get(key, {}), value)
    return {key: value for key, value in found.items() if value is not None}
