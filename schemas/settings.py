"""The settings of the stages, one section of the recipe each, in the order of a round."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.engines import AnyEngine, OpenAIEngine
from schemas.section import Count, Pattern, Section, Share


class Prompted(Section):
    """A stage that asks a model."""

    role: ClassVar[str] = "solver"
    """Who is asked: a role with weights of its own, if the recipe gives it any."""
    rendered_with: ClassVar[dict[str, Any]] = {"question": "1"}
    """What its template is given, by name: an example, to try the template with before a run."""

    prompt: str
    """Template: a name in tasks/prompts, or a .jinja path beside the recipe."""


class Sampling(Section):
    """vLLM's names and meanings."""

    temperature: Annotated[float, Field(ge=0)] = 1.0
    """0 is greedy."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Sample from the smallest set of tokens with at least this probability."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Sample from this many likeliest tokens; 0 is off."""
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    """Subtracted from the logit of every token that the completion already holds."""
    max_tokens: Count
    """Longest completion, in tokens."""
    stop: tuple[Annotated[str, Field(min_length=1, max_length=1)], ...] = ()
    """Characters at which a completion ends; they are not part of its text."""


class RuleFilters(Section):
    """Switches of the rule filters; SeRL's own values (arXiv 2505.20347) stand in `serl_math.toml`."""

    min_words: Annotated[int, Field(ge=0)] = 1
    """Fewest words that a question may have; SeRL: 4. A script without spaces has so many characters a word
    (tasks/novelty/words.py)."""
    max_words: Count = 150
    """Most words a question may have; SeRL: 150."""
    keywords: tuple[str, ...] = ()
    """Words or phrases, whole and in any case, that drop a question: those that ask for a picture, say."""
    forbid_programs: bool = False
    """Drop a question that opens with "write a program"."""
    forbid_leading_punctuation: bool = False
    """Drop a question whose first character is ASCII punctuation: `$` and backslash are."""
    forbid_leading_nonascii: bool = False
    """Drop a question whose first character is not ASCII."""
    capitalise: bool = False
    """Upper-case the first letter and lower-case all others, as SeRL does. It destroys LaTeX and names."""
    pattern: Pattern | None = None
    """Regular expression that the whole question must match; without it, any text will do. Run by RE2: no
    lookaround, no backreference."""

    @model_validator(mode="after")
    def words_have_a_range(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError("min_words must not exceed max_words")
        return self


class Novelty(Section):
    method: Literal["rouge_l", "exact"]
    """rouge_l for text; exact for short sums, which ROUGE takes for copies of each other."""
    threshold: Share | None = None
    """Highest ROUGE-L F1 against any earlier question that is still new (rouge_l only)."""

    @model_validator(mode="after")
    def threshold_goes_with_rouge(self) -> Self:
        if (self.method == "rouge_l") != (self.threshold is not None):
            raise ValueError("threshold goes with method = 'rouge_l', and only with it")
        return self


class Propose(Prompted):
    role = "proposer"
    rendered_with: ClassVar[dict[str, Any]] = {"fewshots": ["1+1"]}

    target: Count
    """New questions wanted a round."""
    prompts_per_wave: Count = 256
    """Proposals sampled before the next look at how many are still missing; one shard."""
    max_waves: Count = 4
    """Waves after which a round goes on with what it has."""
    num_fewshots: Count
    """Questions shown in each prompt."""
    max_own_fewshots: Annotated[int, Field(ge=0)]
    """How many of those, at most, come from promoted rounds rather than from the seeds."""
    sampling: Sampling
    """How proposals are sampled."""
    filters: RuleFilters = RuleFilters()
    """Rules a parsed question must pass."""
    novelty: Novelty
    """How a question must differ from seeds, every earlier round and its own batch."""

    @model_validator(mode="after")
    def own_fewshots_are_among_them(self) -> Self:
        if self.max_own_fewshots > self.num_fewshots:
            raise ValueError("max_own_fewshots exceeds num_fewshots")
        return self


class Solve(Prompted):
    num_samples: Annotated[int, Field(ge=2)]
    """Attempts a question."""
    questions_per_shard: Count = 256
    """Questions whose attempts are written together."""
    early_stopping: bool = False
    """Stop sampling a question once it is certain that it will be off the band, or in it with the label it has now:
    what is selected stays the same. Labels off the band, which are dropped, and those of probe rows may be others
    than the full vote's; the agreement is over the attempts made."""
    sampling: Sampling
    """How attempts are sampled."""


class SolveOnce(Solve):
    """Where nobody votes, one attempt a question will do."""

    num_samples: Count
    """Attempts a question."""


class Answers(Section):
    """What marks the answer in a completion, and when two answers are equal."""

    equivalence: Literal["canonical", "math", "countdown", "integral"]
    """canonical: equal normal forms; math: equal values, sets, equations and words too (docs/answers.md); countdown:
    an expression that comes to the target and uses each given number once; integral: one whose derivative is
    the reference, an expression of x."""
    pattern: Pattern | None = None
    """Regular expression whose last match (group 1, if any) is the answer, behind the thinking; without it,
    \\boxed{} and its kin. Run by RE2: no lookaround, no backreference."""
    decimal_comma: bool = False
    """Attempts and references write 3,5 for 3.5, and 1.234 for 1234."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 5
    """Longest check of one pair of answers; beyond it the pair is undecided, never wrong."""


class Contamination(Section):
    """How rows are held apart from the benchmarks and the probe. An equal question is always dropped."""

    ngram: Annotated[int, Field(ge=2)] | None = None
    """A row that shares this many words in a row with a benchmark or probe row is dropped; without it, off. In
    scripts without spaces two characters (Han, kana) or four (Thai, Khmer ...) count as a word."""
    near: Share | None = None
    """A row with a ROUGE-L F1 above this against such a row is dropped; without it, off."""


class Vote(Section):
    rule: Literal["classes", "string", "serl_pivot", "random"] = "classes"
    """classes: equivalent answers vote together, ties give no verdict; string and serl_pivot: for parity with SeRL;
    random: a control, the answer of a random attempt where the classes have a leader."""
    min_share: Share = 0.0
    """Lowest share of valid answers behind the most frequent one that makes it the label (SRT's threshold)."""
    reward: Literal["label", "share"] = "label"
    """label: 1 for an attempt that agrees with the label, else 0; share: the share of valid answers that are its own
    (SRT's soft reward). Without a label there is none."""

    @model_validator(mode="after")
    def shares_are_of_classes(self) -> Self:
        if self.rule != "classes" and (self.min_share or self.reward == "share"):
            raise ValueError(f"min_share and reward = 'share' go with rule = 'classes'; here with '{self.rule}'")
        return self


class Select(Section):
    min_agreement: Share
    """Lowest share of attempts behind the answer; below it the label is noise."""
    max_agreement: Share
    """Highest share; above it the question teaches nothing."""
    top_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the questions in the band to keep, those of the highest agreement, and all that equal the last of them
    (SRT's easy-first curriculum); without it, all."""
    max_questions: Count | None = None
    """Most questions a round trains on; without it, all in the band."""
    max_per_answer: Count | None = None
    """Most questions with the same answer: keeps a task of few answers from falling for one. Without it, all."""
    balanced: bool = False
    """Of no answer more questions than the second most frequent answer has in the band: two labels are trained on
    in equal number, and neither is where all questions have one."""

    @model_validator(mode="after")
    def band_is_a_band(self) -> Self:
        if self.min_agreement > self.max_agreement:
            raise ValueError("min_agreement must not exceed max_agreement")
        return self


class Build(Section):
    solutions_per_question: Count
    """Most distinct agreeing attempts that become SFT examples."""
    pairs_per_question: Annotated[int, Field(ge=0)]
    """Most preference pairs."""
    pairs: Literal["correct_incorrect", "best_worst", "all_combinations"] = "correct_incorrect"
    """What stands against what. correct_incorrect: attempts of reward 1 against those of reward 0; best_worst: the
    highest win rate against the lowest, one pair; all_combinations: every two of different win rate, the widest apart
    first."""
    gold_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the SFT examples that are gold rows; drawn again where there are too few."""
    replay_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of them that promoted rounds before had; the same. In the first rounds there are none."""

    @model_validator(mode="after")
    def shares_and_pairs_can_be_had(self) -> Self:
        if self.gold_share + self.replay_share >= 1:
            raise ValueError("gold_share and replay_share leave no room for the round's own examples")
        if self.pairs != "correct_incorrect" and self.pairs_per_question == 0:
            raise ValueError(f"pairs = '{self.pairs}' needs pairs_per_question above 0")
        if self.pairs == "best_worst" and self.pairs_per_question > 1:
            raise ValueError("pairs = 'best_worst' goes with pairs_per_question = 1")
        return self


class PairGold(Section):
    pairs_per_question: Count
    """Most preference pairs: the gold solution against so many of the model's own attempts."""


class Validate(Section):
    """What fails a round. A method adds the limits of the tables that it writes."""

    max_failing_rows: Share = 0.01
    """A larger share of a table's rows failing its row-level expectations fails the round."""
    max_unanswered: Annotated[float, Field(ge=0, le=1, exclude=True)] = 0.25  # looked at as each stage ends
    """A larger share of what a stage asked for without an answer (refused, too long a prompt) fails the round."""


class AnswerLimits(Validate):
    max_unparsable: Share = 0.5
    """A larger share of attempts without a usable answer fails the round."""


class VoteLimits(AnswerLimits):
    min_vote_precision: Share
    """Lower vote precision on the probe fails the round: the labels cannot be trusted."""


class ExampleLimits(Validate):
    min_sft_examples: Annotated[int, Field(ge=0)] = 0
    """Fewer SFT examples fail the round."""


class PairLimits(Validate):
    min_preference_pairs: Annotated[int, Field(ge=0)] = 0
    """Fewer preference pairs fail the round."""


class PolicyLimits(Validate):
    min_policy_rows: Count
    """Fewer rows to train on in a wave fail the round."""


class Evaluate(Prompted):
    max_tokens: Count
    """Longest completion, in tokens."""
    stop: tuple[Annotated[str, Field(min_length=1, max_length=1)], ...] = ()
    """Characters at which a completion ends."""
    num_samples: Annotated[int, Field(ge=0)] = 0
    """Samples an item beside the greedy one, for mean@k, pass@k and maj@k; 0 is off."""
    temperature: Annotated[float, Field(ge=0)] = 1.0
    """Of those samples."""
    sampled_items: Annotated[int, Field(ge=0)] = 1000
    """How many items of each benchmark, chosen by hash, are sampled."""
    items_per_shard: Count = 1000
    """Items whose completions are written together."""
    engine: Annotated[AnyEngine | None, Field(exclude=True)] = None  # in the key as the stage's own input
    """What answers the benchmarks, if not [engine]: base, champion and candidate answer for themselves."""

    @model_validator(mode="after")
    def nobody_answers_for_the_candidate(self) -> Self:
        if isinstance(self.engine, OpenAIEngine) and self.engine.model is not None:
            raise ValueError("engine.model: base, champion and candidate answer for themselves; leave it out here")
        return self


class Retention(Section):
    keep_held: Annotated[int, Field(ge=0)] | None = None
    """Weights of how many held rounds to keep, the newest; without it, all. Their rows and manifests stay."""


class Budget(Section):
    deadline_minutes: Annotated[float, Field(gt=0)] | None = None
    """No shard, stage or round starts later than this after the run began."""
    max_tokens: Count | None = None
    """Nor after this many generated tokens."""
    max_held_rounds: Count | None = None
    """Nor a round after this many held ones in a row, in one run."""
