"""Whole rounds on the real vLLM, in its own environment, on a CPU: `make test-vllm` builds it and plays them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from pathlib import Path

import psutil
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from flows.published import read_scored
from schemas.settings import VllmEngine
from scripts.make_tiny_for_vllm import widen
from tasks.engines import server
from tasks.engines.openai import served_name
from tasks.engines.vllm import command, variables
from tasks.engines.vllm_environment import vllm_environment
from tasks.store.lineage import open_lineage
from tasks.store.parquet import read_table
from schemas.tables import TABLES

from .faults import ROOT, SELFPLAY, wait_for

pytestmark = pytest.mark.vllm
