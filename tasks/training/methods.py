"""The trainer of each method that needs nothing but rows, and perhaps references."""

from pathlib import Path

import pyarrow as pa

from schemas.losses import Kto, Optimiser, Preference, Sft
from tasks.training.kto import train_kto
from tasks.training.preference import train_preference
from tasks.training.references import References
from tasks.training.sft import train_sft
from tasks.training.trainer import Phase


def train_method(phase: Phase, rows: pa.Table, section: Optimiser, references: References) -> Path:
    """Train by the section's method; the folder of what is finished."""
    if isinstance(section, Sft):
        return train_sft(phase, rows, section)
    if isinstance(section, Kto):
        return train_kto(phase, rows, section)
    assert isinstance(section, Preference)
    return train_preference(phase, rows, section, references)
