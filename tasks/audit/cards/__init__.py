"""Cards: the README.md of an exported dataset, and of the model beside it, in the Hub's conventions.

The words are in the .jinja files. Whatever they put in is escaped, unless it is `Verbatim`: no name, reason or text
becomes markup. The YAML head is dumped by huggingface_hub.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.manifest import Manifest, SampledScore, Score
from schemas.records import LineageRecord
from schemas.tables import TABLES
from tasks.audit.markdown import as_code, as_markdown, as_printable
from tasks.figures import precisions, rows

HERE = Path(__file__).parent
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
PROTECTED_ROWS = {table.name for table in TABLES.values() if table.protected}
PROTECTED = tuple(  # they hold answers that scores rest on, or say what was right
    table.id_prefix
    for table in TABLES.values()
    if table.protected or any(each.tables and set(each.tables) <= PROTECTED_ROWS for each in table.parents)
)
ROLES = ("base", "champion", "candidate")


class Verbatim(str):
    """Text of this project's own making: Markdown as it stands."""


@dataclass(frozen=True)
class Exhibit:
    """What the cards tell of a round."""

    round: Manifest
    """As recorded since."""
    published: Manifest
    """As published."""
    records: Sequence[LineageRecord]
    """What was recorded of it, oldest first."""
    descent: Sequence[Manifest]
    """The rounds whose champions led to its own, newest first."""
    trained_on: Sequence[str]
    """The rounds whose rows its candidate was trained on."""
    champion: str | None
    """The lineage's champion now: a round, or None for the base model."""
    recipe: str
    """The text that was played."""
    configs: Mapping[str, int]
    """Exported table -> rows; those without rows included."""
    default: str | None
    """The configuration that is loaded unless another is named."""
    refused: int
    """Training rows that validation refused: they are in `dropped` alone."""
    model: bool
    """Whether the weights are exported too."""

    @property
    def name(self) -> str:
        return f"{self.round.recipe}/{self.round.round}"


def dataset_card(shown: Exhibit) -> str:
    from huggingface_hub import DatasetCardData

    rows = sum(shown.configs.values())
    head = DatasetCardData(
        pretty_name=f"{shown.round.recipe}, round {shown.round.round}",
        license="unknown",
        task_categories=["text-generation"],
        tags=["synthetic", "self-play", "selfplay-factory"],
        size_categories=[next((words for limit, words in SIZES if rows < limit), "n>10M")],
        configs=[_config(shown, name) for name, count in shown.configs.items() if count],
    )
    return _filled("dataset", shown, head.to_yaml())


def model_card(shown: Exhibit) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-generation", dataset_type=as_printable(benchmark), dataset_name=as_printable(benchmark),
            metric_type="accuracy", metric_name=name, metric_value=round(value, 4),
        )
        for benchmark, scores in shown.round.scores.items()
        for name, value in (_metrics(scores["candidate"]) if "candidate" in scores else ())
    ]  # fmt: skip
    head = ModelCardData(
        model_name=f"{shown.round.recipe} round {shown.round.round}",
        license="unknown",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["synthetic", "self-play", "selfplay-factory"],
        eval_results=results or None,
    )
    if not results:
        head.pop("model_name")  # it names a model-index, and there is none
    return _filled("model", shown, head.to_yaml())


def _config(shown: Exhibit, name: str) -> dict[str, Any]:
    split = "test" if name in PROTECTED else "train"
    config = {"config_name": name, "data_files": [{"split": split, "path": f"data/{name}/*.parquet"}]}
    return config | ({"default": True} if name == shown.default else {})


def _metrics(score: Score) -> list[tuple[str, float]]:
    found = [(f"accuracy, greedy, 95% interval {score.low:.1%} to {score.high:.1%}, n = {score.n}", score.accuracy)]
    for name, s in score.sampled.items():
        found.append((f"{name}, 95% interval {s.low:.1%} to {s.high:.1%}, n = {s.n}", s.accuracy))
    return found


def _filled(name: str, shown: Exhibit, head: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        finalize=lambda value: value if isinstance(value, Verbatim) else as_markdown(str(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "score": _worded,
        "sampled": _sampled,
        "count": lambda n: Verbatim(f"{n:,}"),
        "ours": Verbatim,
    }
    columns = {
        table.id_prefix: [
            (f.name, str(f.type), f.metadata[b"meaning"].decode()) for f in table.schema if f.name != "id"
        ]
        for table in TABLES.values()
    }
    return environment.get_template(f"{name}.jinja").render(
        head=Verbatim(head), shown=shown, m=shown.round, columns=columns, roles=ROLES, protected=PROTECTED,
        recipe=Verbatim(as_code(shown.recipe, "toml")), licences=shown.published.inputs.get("licences", {}),
        unusable=shown.published.inputs.get("unusable", {}), precisions=precisions(shown.round),
        figures=rows(shown.round),
    )  # fmt: skip


def _sampled(scores: Mapping[str, Score]) -> list[str]:
    """The names of the figures of samples that any checkpoint has."""
    return list(dict.fromkeys(name for score in scores.values() for name in score.sampled))


def _worded(score: Score | SampledScore | None) -> str:
    if score is None:
        return "not measured"
    return Verbatim(f"{score.accuracy:.1%} [{score.low:.1%}, {score.high:.1%}], n = {score.n:,}")
