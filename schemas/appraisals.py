"""What a judge who is trained, too, said of a question or of an attempt."""

import pyarrow as pa

from schemas.table import ENDED_OR_UNANSWERED, TOKENS, VERIFIED, about, between, column, count, share, table, text

APPRAISALS = table(
    "appraisals",
    "a score of a judge's for a question or an attempt",
    about("row_id", "questions", "attempts", meaning="what was judged"),
    column("sample", pa.int32(), "appraisal of it, from 0"),
    text("prompt", "the prompt as the judge saw it"),
    column("text", pa.string(), "the completion"),
    count("num_tokens", "tokens of the completion; 0 without an answer", least=0),
    ENDED_OR_UNANSWERED,
    *TOKENS,
    column("score", pa.float64(), "the score, from 1 to 10, as 0 to 1; null if none could be read", nullable=True),
    share("form", "1 for one score, 0.5 for more, 0 for none"),
    column("checkpoint", pa.string(), "digest of the weights that judged; MODEL@REVISION of a teacher"),
    VERIFIED,
    also=(between("score", 0, 1),),
)
