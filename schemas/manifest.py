"""What a round leaves for its readers: stage markers, the scorecard, and the manifest, written last."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from schemas.alarms import Alarm
from schemas.document import Record
from schemas.gate import GateResult
from schemas.names import FileName, InnerPath, file_name

Decision = Literal["promoted", "held", "failed", "withdrawn"]


class TableRef(Record):
    """A table as one stage wrote it."""

    table: str
    path: InnerPath
    """Folder of its part files, relative to the lineage."""
    rows: int
    digest: str
    """Logical digest of the rows: independent of parts, compression and library version."""
    files: dict[FileName, str]
    """Part file -> SHA-256 of its bytes."""


class ValidRows(Record):
    """One table of several stages or rounds, without the rows that were dropped."""

    tables: tuple[TableRef, ...]
    dropped: tuple[TableRef, ...] = ()

    @property
    def digests(self) -> list[str]:
        return [ref.digest for ref in self.tables] + [f"without {ref.digest}" for ref in self.dropped]


class CheckpointRef(Record):
    """Weights, by what they are rather than what they are called."""

    digest: FileName
    """SHA-256 over the names and digests of the folder's files; the folder is objects/<digest>."""


class OwnWeights(Record):
    """Of a policy with weights of its own, beside the one that the benchmarks measure."""

    base: CheckpointRef
    champion: CheckpointRef
    """When the round began."""


class Teacher(Record):
    """Another's model behind a URL, by what the recipe says it is: nobody here has its weights."""

    model: str
    revision: str
    tokenizer: CheckpointRef
    """The lineage's base: its tokenizer reads what the teacher wrote as the student will."""

    @property
    def digest(self) -> str:
        """What stands for the weights' digest, in keys and rows."""
        return f"{self.model}@{self.revision}"


class StageRecord(Record):
    """Written when a stage is whole: stages/<stage>-<key>.json."""

    stage: FileName
    key: FileName
    played_as: str = ""
    """The stage with its label, such as evaluate.base."""
    inputs: dict[str, Any]
    """Input -> digest, or plain value."""
    settings: dict[str, Any]
    prompts: dict[str, str]
    """Template -> its text, as it was."""
    code: str
    """Digest of the definitions that the stage, and the classes of what it is given, reach by name."""
    versions: dict[str, str]
    """Library -> version, of the libraries the stage uses."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """What else is in the key: the recipe's seed, and cpu or cuda where the stage computes with weights."""
    tables: dict[str, TableRef]
    figures: dict[str, Any]
    """What the stage measured."""
    dropped: dict[str, int]
    """Reason -> rows."""
    seconds: float
    """Of the run that completed the stage."""
    tokens: int
    """Tokens generated, by all runs that worked on it."""
    reused_from: str | None = None
    """The earlier round whose equal stage was copied here."""
    caches: dict[str, str] = Field(default_factory=dict)
    """File of the lineage's cache that holds what the stage decided -> SHA-256."""

    @model_validator(mode="after")
    def objects_are_folders(self) -> Self:
        for digest in self.objects:
            file_name(digest)
        return self

    @property
    def objects(self) -> set[str]:
        """Digests of what the stage left in the store's objects: weights, those kept on the way among them, and what
        an optimiser knew."""
        return {str(d) for name, d in self.figures.items() if name.startswith("checkpoint") or name == "moments"}

    @property
    def url_engine(self) -> dict[str, Any] | None:
        """Settings of the server at a URL that the stage asked, if it did: then what it wrote is unverified."""
        engine = self.settings.get("engine")
        return engine if isinstance(engine, dict) and engine.get("kind") == "openai" else None

    @property
    def teacher(self) -> str | None:
        """MODEL@REVISION of another's model that the stage asked."""
        engine = self.url_engine or {}
        return f"{engine['model']}@{engine['revision']}" if "model" in engine else None


class SampledScore(Record):
    """A figure of several samples an item, with a 95% interval over items."""

    k: int
    """Samples that it speaks of."""
    accuracy: float
    low: float
    high: float
    n: int
    """Items."""


class Score(Record):
    """Accuracy on a benchmark, with a 95% interval (Wilson's for greedy; over items for samples)."""

    accuracy: float
    low: float
    high: float
    n: int
    """Items."""
    undecided: int = 0
    """Answers whose check timed out: in neither the numerator nor the denominator."""
    mean_at_k: float | None = None
    mean_low: float | None = None
    mean_high: float | None = None
    mean_n: int = 0
    k: int = 0
    pass_at_k: tuple[SampledScore, ...] = ()
    """Chance that at least one of k samples is right, for k = 2, 4, 8 ... and all that were drawn."""
    maj_at_k: SampledScore | None = None
    """Share of items whose majority of all samples is right, by the judge's own vote; a tie is not. For k from 3."""

    @property
    def sampled(self) -> dict[str, SampledScore]:
        """What the samples say, each figure by its name: mean@4, pass@2, pass@4, maj@4."""
        found = {f"pass@{score.k}": score for score in self.pass_at_k}
        if self.mean_at_k is not None and self.mean_low is not None and self.mean_high is not None:
            low, high, n = self.mean_low, self.mean_high, self.mean_n
            mean = SampledScore(k=self.k, accuracy=self.mean_at_k, low=low, high=high, n=n)
            found = {f"mean@{self.k}": mean, **found}
        return found | ({f"maj@{self.maj_at_k.k}": self.maj_at_k} if self.maj_at_k else {})


class Manifest(Record):
    """One published round. Created once, never edited."""

    format: int = 1
    recipe: str
    round: int
    method: str
    decision: Decision
    reason: str
    parent: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}/[0-9]{1,9}$")] | None
    """Round the champion came from (`recipe/n`); null if it is the base model."""
    built_on: list[int] = Field(default_factory=list)
    """Earlier rounds whose rows were few-shots of this one, or were trained on."""
    base: CheckpointRef
    champion: CheckpointRef
    """The champion when the round began."""
    candidate: CheckpointRef | None
    """What the round trained; null if validation stopped it."""
    adapter: CheckpointRef | None = None
    """With train.lora: what it learned, before that was merged into the champion's weights to be the candidate."""
    own: dict[str, OwnWeights] = Field(default_factory=dict)
    """Role -> the policy that speaks in it with weights of its own, if any does."""
    own_candidates: dict[str, CheckpointRef] = Field(default_factory=dict)
    """Role -> what the round trained of that policy. It is champion where the candidate is: one gate decides."""
    fixed: dict[str, str]
    """What may not change within a lineage: digests of base, benchmarks and gate."""
    stages: dict[FileName, FileName]
    """Stage as played (`evaluate.candidate`) -> key; in the order played."""
    figures: dict[str, dict[str, Any]]
    """Stage of the method, as played -> what it measured: numbers and scores, or some of these by name."""
    tables: dict[str, list[TableRef]]
    controls: dict[str, list[TableRef]] = Field(default_factory=dict)
    """What the stages of controls wrote: apart, since nothing is built on it."""
    controls_failed: dict[str, str] = Field(default_factory=dict)
    """Control, as in the scores -> why it has none."""
    dropped: dict[str, int]
    """Reason -> rows, over all stages played in this round but those of controls."""
    inputs: dict[str, Any]
    """The user's files: rows that could not be used, by reason, one digest over all, and the licences they state."""
    trained_on: dict[str, int]
    """Method -> rows, those of held rounds included."""
    scores: dict[str, dict[str, Score]]
    """Benchmark -> base, champion, candidate; control_seeds and control_random, if the recipe asks for them."""
    gate: GateResult | None
    validation: dict[str, Any]
    """`validate` (the data, before training) and `validate.scores` (after evaluation): passed, failures, tables."""
    alarms: list[Alarm] = Field(default_factory=list)
    """Those raised, holds first. What was measured, raised or not, stands in the figures of the stage `alarms`."""
    caches: dict[str, str] = Field(default_factory=dict)
    """File that its stages left in the lineage's cache -> SHA-256: others are never read."""
    seconds: dict[str, float]
    tokens: dict[str, int]
    started: str
    finished: str
    versions: dict[str, str]
    device: str
    git: str
    seed: int
    epoch: int = 0
    """Of the writer that published it: lock/<epoch>.json."""
    files: dict[InnerPath, str] = Field(default_factory=dict)
    """Recipe, stage markers and what else lies beside the tables -> SHA-256."""
    previous: str = ""
    """SHA-256 of the manifest before it; "" for round 1."""
    record: str = ""
    """SHA-256 of the newest record when the round began; "" if there was none."""
    seal: str = ""
    """SHA-256 of all else in the file."""
    weights_dropped: bool = False
    """Never in the file: read from the lineage's records."""

    @property
    def begun_with(self) -> tuple[CheckpointRef, ...]:
        """Base and champion, of every policy."""
        return (self.base, self.champion, *(ref for own in self.own.values() for ref in (own.base, own.champion)))

    @property
    def trained(self) -> tuple[CheckpointRef, ...]:
        """What the round trained, of every policy."""
        return tuple(filter(None, (self.candidate, *self.own_candidates.values())))

    @property
    def written(self) -> list[TableRef]:
        """Every table of the round, those of controls too."""
        own = [ref for refs in self.tables.values() for ref in refs]
        return own + [ref for refs in self.controls.values() for ref in refs if ref not in own]
