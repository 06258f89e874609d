"""The rules a proposed question must pass before anyone looks at its novelty."""

from pydantic import BaseModel, ConfigDict


class RuleFilters(BaseModel):
    """Switches of the rule filters; SeRL's own values (arXiv 2505.20347) stand in `serl_math.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    min_words: int
    """Fewest words, between spaces, that a question may have; SeRL: 4."""
    max_words: int
    """Most words a question may have; SeRL: 150."""
    keywords: tuple[str, ...]
    """Words or phrases, whole and in any case, that drop a question: those that ask for a picture, say."""
    forbid_programs: bool
    """Drop a question that opens with "write a program"."""
    forbid_leading_punctuation: bool
    """Drop a question whose first character is ASCII punctuation: `$` and backslash are."""
    forbid_leading_nonascii: bool
    """Drop a question whose first character is not ASCII."""
    capitalise: bool = False
    """Upper-case the first letter and lower-case all others, as SeRL does. It destroys LaTeX and names."""
    pattern: str | None = None
    """Regular expression that the whole question must match; without it, any text will do."""
