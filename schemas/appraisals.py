"""What a judge who is trained, too, said of a question or of an attempt."""

import pyarrow as pa

from schemas.table import JUDGED_BY, JUDGEMENT, TOKENS, about, between, column, share, table

APPRAISALS = table(
    "appraisals",
    "a score of a judge's for a question or an attempt",
    about("row_id", "questions", "attempts", meaning="what was judged"),
    column("sample", pa.int32(), "appraisal of it, from 0"),
    *JUDGEMENT,
    *TOKENS,
    column("score", pa.float64(), "the score, from 1 to 10, as 0 to 1; null if none could be read", nullable=True),
    share("form", "1 for one score, 0.5 for more, 0 for none"),
    *JUDGED_BY,
    also=(between("score", 0, 1),),
)
