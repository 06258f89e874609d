"""Every table of a round, by name."""

from schemas.advantages import ADVANTAGES
from schemas.answer_keys import ANSWER_KEYS
from schemas.answers import ANSWERS
from schemas.appraisals import APPRAISALS
from schemas.attempts import ATTEMPTS
from schemas.base_samples import BASE_SAMPLES
from schemas.comparisons import COMPARISONS, PREFERENCES, PROBE_PREFERENCES
from schemas.contamination import CONTAMINATION
from schemas.dropped import DROPPED
from schemas.episodes import EPISODES
from schemas.evaluations import EVALUATIONS
from schemas.evolving import PROMPT_WEIGHTS
from schemas.grades import FORMAL_VERDICTS, GRADES, PERSUASIONS, PROBE_GRADES
from schemas.inputs import BENCHMARK_ITEMS, DOCUMENTS, GOLD, PROBE, SEEDS, TASKS, UNLABELLED
from schemas.preference_pairs import PREFERENCE_PAIRS
from schemas.proposals import PROPOSALS
from schemas.questions import QUESTIONS
from schemas.reference_logps import REFERENCE_LOGPS
from schemas.revisions import REVISIONS
from schemas.rewards import REWARDS
from schemas.selections import SELECTIONS
from schemas.sft_examples import SFT_EXAMPLES
from schemas.table import Table
from schemas.train_steps import TRAIN_STEPS
from schemas.turns import TURNS
from schemas.verdicts import PROBE_VERDICTS, VERDICTS

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        SEEDS, PROBE, UNLABELLED, GOLD, DOCUMENTS, TASKS, BENCHMARK_ITEMS,
        PROMPT_WEIGHTS, PROPOSALS, QUESTIONS, ANSWER_KEYS, ATTEMPTS, REVISIONS, EPISODES, TURNS,
        ANSWERS, VERDICTS, PROBE_VERDICTS, GRADES, PROBE_GRADES, PERSUASIONS, APPRAISALS, FORMAL_VERDICTS,
        COMPARISONS, PREFERENCES, PROBE_PREFERENCES, REWARDS, SELECTIONS, CONTAMINATION,
        BASE_SAMPLES, SFT_EXAMPLES, PREFERENCE_PAIRS, ADVANTAGES, REFERENCE_LOGPS, TRAIN_STEPS, EVALUATIONS, DROPPED,
    )
}  # fmt: skip

MEASURED = [  # of rows whose truth is known: by these a judge is measured
    table.name
    for table in TABLES.values()
    for parent in table.parents
    if parent.relation == "about" and all(TABLES[name].protected for name in parent.tables)
]
