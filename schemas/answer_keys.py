"""The answer that came with a question: what attempts at it are held against."""

from schemas.table import about, table, text

ANSWER_KEYS = table(
    "answer_keys",
    "the answer that came with a question",
    about("question_id", "questions", meaning="the question"),
    text("answer", "the answer as it was written, which the solver never sees"),
)
