"""Figures of a round's tables that tell a collapse, or labels gone wrong, from learning.

Self-training on a majority vote can drift to where all attempts agree and nothing is right (Shafayat et al. 2025,
arXiv 2505.21444): the reward sees none of it. These figures do. None stands for nothing to measure.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.novelty.words import words_and_signs_of

MOST_PAIRS = 100_000
NOT_LOOKED_AT = "surplus"  # questions beyond the target: no rule, filter or vote saw them


def mean_reward(verdicts: pa.Table) -> float | None:
    """An attempt's reward, 1 if it agrees with the verdict, mean over questions; without a verdict there is none."""
    return _mean(pc.if_else(pc.is_valid(verdicts["answer"]), verdicts["agreement"], 0.0))


def unanimous_share(verdicts: pa.Table) -> float | None:
    """Questions whose attempts all agree: groups of equal rewards, without a gradient in training (DAPO, Yu et al.
    2025, arXiv 2503.14476, section 3.2)."""
    return _mean(pc.cast(pc.equal(verdicts["votes"], verdicts["num_attempts"]), pa.float64()))


def answer_entropy(verdicts: pa.Table) -> float | None:
    """Shannon's entropy of the answers to a question (Shannon 1948) over its greatest, the logarithm of the number of
    answers (Pielou 1966); mean over questions with two or more. An answer in no class is one of its own."""
    question, _, count, answers = _votes(verdicts)
    several = answers > 1
    if not several.any():
        return None
    share = count / answers[question]
    entropy = np.bincount(question, -share * np.log(share), len(answers))
    alone = answers - np.bincount(question, count, len(answers))
    n = answers[several]
    return float(np.mean((entropy[several] + alone[several] / n * np.log(n)) / np.log(n)))


def same_answer_share(verdicts: pa.Table) -> float | None:
    """Share of the answers that are the commonest one, each question weighing the same: the index of dominance of
    Berger and Parker (1970). Of two questions or more that have an answer."""
    question, answer, count, answers = _votes(verdicts)
    if (num_questions := int((answers > 0).sum())) < 2:
        return None
    shares = pa.table({"answer": answer, "share": count / answers[question]})
    sums = shares.group_by("answer", use_threads=False).aggregate([("share", "sum")])["share_sum"]
    return float(pc.max(sums).as_py()) / num_questions


def read_from_prose_share(answers: pa.Table) -> float | None:
    """Attempts that voted by the last number in their text, as lm-evaluation-harness' `flexible-extract` reads all of
    them (Gao et al.): they may have stated another answer, or none."""
    voted = pc.filter(answers["source"], answers["valid"])
    return _mean(pc.cast(pc.equal(voted, "last_number"), pa.float64()))


def other_tokens_share(attempts: pa.Table) -> float | None:
    """Of the attempts whose tokens are known."""
    return _mean(pc.cast(pc.invert(attempts["same_tokens"]), pa.float64()))


def distinct_2(questions: Iterable[str], seeds: Iterable[str]) -> float | None:
    """Distinct word pairs of the questions (distinct-2, Li et al. 2016, arXiv 1510.03055) over those of the seeds: of
    equally many pairs, since the share falls as texts get longer. The first 100,000 of each are read. Signs are
    words, and so is each character of a script without spaces."""
    pools = [list(islice(_word_pairs(texts), MOST_PAIRS)) for texts in (questions, seeds)]
    pairs = min(map(len, pools))
    ours, theirs = (len(set(pool[:pairs])) for pool in pools)
    return ours / theirs if pairs else None


def mean_length(attempts: pa.Table) -> float | None:
    """Tokens of an attempt."""
    return _mean(attempts["num_tokens"])


def truncated_share(attempts: pa.Table) -> float | None:
    """Attempts that max_tokens cut off."""
    return _mean(pc.cast(pc.equal(attempts["finish_reason"], "length"), pa.float64()))


def near_duplicate_share(texts: pa.ChunkedArray, dropped: pa.Table) -> float | None:
    """Questions that were not new among all that admission held against the seeds and every earlier question: by
    ROUGE-L above the recipe's threshold (Self-Instruct, Wang et al. 2023, arXiv 2212.10560), or by equality; and
    those among the admitted `texts` that repeat another."""
    refused = pc.sum(pc.equal(dropped["reason"], "not_new")).as_py() or 0
    held = len(texts) + refused
    return (held - len(pc.unique(texts))) / held if held else None


def drop_shares(dropped: pa.Table, ids_of: Mapping[str, pa.ChunkedArray]) -> dict[str, float]:
    """`table.reason` -> share of the table's rows, those dropped before they were written among them (`ids_of`: the
    ids of those that were)."""
    seen = dropped.filter(pc.not_equal(dropped["reason"], NOT_LOOKED_AT))
    shares = {}
    for table in sorted(pc.unique(seen["table"]).to_pylist()):
        rows = seen.filter(pc.equal(seen["table"], table))
        all_rows = len(
            pc.unique(pa.chunked_array([*(ids_of[table].chunks if table in ids_of else ()), *rows["id"].chunks]))
        )
        for reason, count in sorted(_counted(rows).items()):
            shares[f"{table}.{reason}"] = count / all_rows
    return shares


def _counted(dropped: pa.Table) -> Counter[str]:
    """Reason -> rows, each once however often it was dropped for it."""
    return Counter(
        reason for _, reason in {*zip(*(dropped[name].to_pylist() for name in ("id", "reason")), strict=True)}
    )


def _votes(verdicts: pa.Table) -> tuple[Any, pa.ChunkedArray, Any, Any]:
    """Each class's question (as an index), answer and count; and each question's number of valid answers."""
    classes = pc.list_flatten(verdicts["classes"])
    question = np.repeat(np.arange(len(verdicts)), pc.list_value_length(verdicts["classes"]).to_numpy())
    count = pc.struct_field(classes, "count").to_numpy()
    return question, pc.struct_field(classes, "answer"), count, verdicts["num_valid"].to_numpy()


def _word_pairs(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        yield from pairwise(words_and_signs_of(text))


def _mean(values: Any) -> float | None:
    mean: float | None = pc.mean(values).as_py()
    return mean
