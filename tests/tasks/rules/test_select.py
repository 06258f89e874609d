"""Claims about the order in which a question is refused."""

from schemas.settings import Contamination, Select
from tasks.rules.select import ADMITTED, Admission

SETTINGS = Select(min_agreement=0.25, max_agreement=0.75, max_questions=3, max_per_answer=2)
TOUCHES = ("contaminated_exact", 1.0, None)


def verdict(answer="3", agreement=0.5, tied=False, num_valid=4):
    return {"answer": answer, "agreement": agreement, "tied": tied, "num_valid": num_valid}


def test_contamination_comes_before_the_band_and_the_caps_come_last():
    admission = Admission(SETTINGS, Contamination())
    assert admission.admit(verdict(agreement=0.1), TOUCHES) == TOUCHES
    assert admission.admit(verdict(agreement=0.1)) == ("below_band", 0.1, 0.25)
    assert [admission.admit(verdict()) for _ in range(3)] == [ADMITTED, ADMITTED, ("answer_over_cap", 3, 2)]
    assert admission.admit(verdict("4")) == ADMITTED
    assert admission.admit(verdict("5")) == ("over_cap", 4, 3)
    assert admission.admit(verdict("3")) == ("answer_over_cap", 3, 2)


def test_what_is_refused_counts_for_no_cap():
    admission = Admission(SETTINGS, Contamination())
    for refused in (verdict(agreement=0.8), verdict(None, tied=True), verdict(None, num_valid=0)):
        assert admission.admit(refused) != ADMITTED
    assert [admission.admit(verdict(str(n))) for n in range(3)] == [ADMITTED] * 3
