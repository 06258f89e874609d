"""What the tests of preference losses share: settings, and what their tables say."""

import torch

from schemas.losses import Dpo

ONE_STEP = {"steps": 1, "batch_size": 8, "rows_at_once": 4, "learning_rate": 1e-3, "schedule": "constant"}
ONE_STEP |= {"max_length": 64, "beta": 0.1}
SIDES = ("chosen", "rejected")
HARD = Dpo(**ONE_STEP, reference="champion", loss_type=("sppo_hard",), loss_weights=(1.0,))


def first_loss(tables):
    return min(tables["train_steps"], key=lambda row: row["step"])["loss"]


def ratios(tables, policy, reference):
    """Log-ratios of both sides, one value a pair, from what the references said."""
    by_name = {name: {} for name in (policy, reference)}
    for row in tables["reference_logps"]:
        by_name[row["reference"]][row["pair_id"]] = row
    return [
        torch.tensor([by_name[policy][i][f"{s}_logp"] - by_name[reference][i][f"{s}_logp"] for i in by_name[policy]])
        for s in SIDES
    ]


def win_rates(pairs, reading="pool"):
    if reading == "pair":
        won = torch.tensor([pair["pair_winrate"] for pair in pairs])
        return [won, 1 - won]
    return [torch.tensor([pair[f"{side}_winrate"] for pair in pairs]) for side in SIDES]
