import pytest

from schemas.inputs import BENCHMARK_ITEMS, DOCUMENTS, PROBE, SEEDS
from schemas.manifest import ValidRows
from schemas.posing import Pose, PoseFromPool
from schemas.questions import QUESTIONS
from schemas.settings import Answers, Contamination, Sampling
from tasks.novelty.contamination import Hit
from tasks.novelty.runs import WordRuns
from tasks.pose import pose
from tasks.prompts import load_prompt
from tasks.reading.posed import Posed
from tasks.roles import Role
from tasks.rules import first_refusal
from tasks.rules.pose import posing_rules
from tasks.solve import solve

PATTERN = r"^([1-9](?:\+[1-9]){3,5})=\n(?:.*\n)*#(\d+)$"
SETTINGS = Pose(
    prompt="pose_sums", documents=8, num_samples=4, documents_per_shard=3, pattern=PATTERN,
    sampling=Sampling(temperature=1.0, max_tokens=56),
)  # fmt: skip
TEXTS = [f"{i}+{j}=…" for i in (3, 5, 8) for j in (2, 4, 7)]


@pytest.fixture
def play(draft, given, recipe, tiny, tmp_path):
    def run(texts=TEXTS, items=("1+1",), probe=(), prompt="pose_sums", wave=None, **changes):
        draft.written = set()
        settings = SETTINGS.model_copy(update=changes)
        documents = [{"id": f"d{i}", "text": text, "licence": "CC0", "source_row": i} for i, text in enumerate(texts)]
        bench = [
            {"id": f"b{i}", "benchmark": "b", "sealed": False, "question": text, "reference": "1", "source_row": i}
            for i, text in enumerate(items)
        ]
        probed = [{"id": f"p{i}", "question": q, "reference": "1", "source_row": i} for i, q in enumerate(probe)]
        figures = pose(
            draft, settings=settings, proposer=Role(recipe.engine, load_prompt(prompt, tmp_path), tiny),
            documents=given(DOCUMENTS, documents), benchmark_items=given(BENCHMARK_ITEMS, bench),
            probe=given(PROBE, probed), checks=recipe.answers, protection=Contamination(), wave=wave,
            round=draft.round,
        )  # fmt: skip
        return figures, {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    return run


def test_the_tiny_model_poses_questions_with_their_answers_from_each_document(play):
    figures, tables = play()
    assert figures == {"proposals": 32, "questions": len(tables["questions"])}
    read = {tuple(row["shown_ids"]) for row in tables["proposals"]}
    assert len(read) == 8 and all(len(shown) == 1 for shown in read), "the round drew as many as the recipe says"
    proposals = {row["id"]: row for row in tables["proposals"]}
    for row in tables["questions"]:
        made_from = proposals[row["proposal_id"]]
        assert row["question"].startswith(made_from["prompt"]), "what the prompt had begun is part of the question"
    keys = {row["question_id"]: row["answer"] for row in tables["answer_keys"]}
    assert set(keys) == {row["id"] for row in tables["questions"]} and len(keys) > 20
    right = [sum(map(int, row["question"].split("+"))) == int(keys[row["id"]]) for row in tables["questions"]]
    assert sum(right) > len(right) / 3


def test_every_proposal_gives_a_question_or_a_reason(play):
    _, tables = play(sampling=Sampling(temperature=2.0, max_tokens=40))
    refused = {row["parents"][0]: row["reason"] for row in tables["dropped"]}
    asked = {row["proposal_id"] for row in tables["questions"]}
    assert asked | set(refused) == {row["id"] for row in tables["proposals"]}
    assert not asked & set(refused) and {"truncated", "unreadable"} <= set(refused.values())


def test_what_was_posed_before_is_not_new(play):
    greedy = Sampling(temperature=0.0, max_tokens=56)
    _, tables = play(sampling=greedy)
    assert {row["reason"] for row in tables["dropped"]} == {"not_new"}
    assert len(tables["questions"]) == 8 and len(tables["dropped"]) == 24


def test_a_question_that_repeats_a_benchmark_or_probe_row_is_none(play):
    _, before = play()
    first, second = (row["question"] for row in before["questions"][:2])
    play_again = play(items=[first], probe=[second])[1]
    assert not {first, second} & {row["question"] for row in play_again["questions"]}
    hits = {row["row_id"]: row for row in play_again["contamination"]}
    refused = {row["id"]: row for row in play_again["dropped"] if row["reason"] == "contaminated_exact"}
    assert set(hits) == set(refused) and {row["set_name"] for row in hits.values()} == {"b", "probe"}
    assert {row["text"] for row in refused.values()} == {first, second}


def test_a_protected_question_is_found_whatever_else_is_wrong_with_it():
    """What is refused for all else earns `invalid` and is trained on."""
    hit = Hit("exact", "sums", "benchmark_items-1", "1+2", 1.0)
    checks = Answers(equivalence="canonical")
    for posed, cut in ((Posed("1+2", "2"), False), (Posed("1+2", ""), False), (Posed("1+2", "3"), True)):
        rules = posing_rules(posed, cut, checks, Contamination(), lambda question: hit, lambda question: False)
        refusal = first_refusal(rules)
        assert refusal.name == "contaminated_exact"


def test_waves_share_the_documents_of_a_round(play, draft):
    shown = []
    for number in (1, 2):
        draft.label, draft.key = f"wave-{number}", f"{number}" * 32
        _, tables = play(wave=(number, 2))
        assert {row["wave"] for row in tables["proposals"]} <= {number - 1}
        shown += [row["shown_ids"][0] for row in tables["proposals"]]
    assert len(shown) == 32 and len(set(shown)) == 8


def test_another_play_of_the_round_reads_the_same_documents_and_another_round_others(play, draft):
    def drawn(number):
        draft.round, draft.key = number, f"{number}" * 32
        return {row["shown_ids"][0] for row in play(documents=3)[1]["proposals"]}

    assert drawn(1) == drawn(1) != drawn(2)


def test_the_solver_sees_nothing_of_a_document_but_its_question(play, draft, recipe, tiny, tmp_path):
    texts = [f"{i}+{j}= 7 slips of 9 May 1911 were kept in box {i} by clerk {j} of 3" for i in (3, 5) for j in (2, 4)]
    _, tables = play(texts)
    questions = draft.tables()["questions"]
    draft.key, draft.written = "f" * 32, set()
    solver = Role(recipe.engine, load_prompt("solve_sums", tmp_path), tiny)
    solve(draft, settings=recipe.solve, checks=recipe.answers, solver=solver, questions=questions, round=1)
    asked = {row["id"]: row["question"] for row in tables["questions"]}
    hidden = WordRuns(texts, 8)
    assert all(hidden.find(text) for text in texts)
    for attempt in draft.read(draft.tables()["attempts"]).to_pylist():
        assert asked[attempt["question_id"]] in attempt["prompt"]
        assert hidden.find(attempt["prompt"].replace(asked[attempt["question_id"]], " ")) is None


def test_a_pool_is_shown_a_question_at_a_time_and_none_of_it_is_posed_again(draft, given, recipe, tiny, tmp_path):
    settings = PoseFromPool(
        prompt="pose_sums_another", prompts=8, num_samples=4, prompts_per_shard=8,
        pattern=r"^4\. ([1-9](?:\+[1-9])+)", sampling=Sampling(temperature=0, max_tokens=40),
    )  # fmt: skip
    item = {"id": "b", "benchmark": "b", "sealed": False, "question": "1+1", "reference": "2", "source_row": 0}

    def play(number, *pool):
        draft.key, draft.written = f"{number}" * 32, set()
        known = given(QUESTIONS, [
            {"id": f"q{i}", "proposal_id": "p", "item": 0, "position": i, "question": text, "nearest_score": 0.0}
            for i, text in enumerate(pool)
        ])  # fmt: skip
        pose(
            draft, settings=settings, proposer=Role(recipe.engine, load_prompt("pose_sums_another", tmp_path), tiny),
            seeds=given(SEEDS, [{"id": "s", "question": "1+1+1+1", "source_row": 0}]),
            pool=ValidRows(tables=(known,), dropped=()), benchmark_items=given(BENCHMARK_ITEMS, [item]),
            checks=recipe.answers, protection=Contamination(), round=1,
        )  # fmt: skip
        return {name: draft.read(ref).to_pylist() for name, ref in draft.tables().items()}

    alone = play(1)
    assert {tuple(row["shown_ids"]) for row in alone["proposals"]} == {("s",)} and len(alone["proposals"]) == 32
    (posed,) = alone["questions"]
    grown = play(2, posed["question"], "1+1+1+1+1")
    assert {name for row in grown["proposals"] for name in row["shown_ids"]} == {"s", "q0", "q1"}
    assert posed["question"] not in {row["question"] for row in grown["questions"]}
    assert "not_new" in {row["reason"] for row in grown["dropped"]}


def worked(question, solution, pattern=None):
    checks = Answers(equivalence="canonical", pattern=pattern)
    rules = posing_rules(
        Posed(question, "7", solution), False, checks, Contamination(), lambda q: None, lambda q: False
    )
    refusal = first_refusal(rules)
    return refusal.name if refusal else ""


@pytest.mark.parametrize(
    ("question", "solution", "reason"),
    [
        ("What is 3 + 4?", r"Three and four are \boxed{7}.", ""),
        (r"What is 3 + 4, \boxed{8} or more?", r"\boxed{7}", "marked_answer"),
        ("What is 3 + 4?", r"What is 3 + 4? It is \boxed{7}.", "repeats_question"),
        ("What is 7?", r"\boxed{7}", "leaks_answer"),
    ],
)
def test_a_problem_with_its_solution_gives_nothing_away_and_is_not_its_own_solution(question, solution, reason):
    assert worked(question, solution) == reason


def test_a_mark_of_the_recipes_own_in_a_question_is_a_marked_answer():
    assert worked("3+4 #9", "#7", "#([0-9]+)") == "marked_answer"


def test_the_answer_of_a_worked_solution_is_read_as_an_attempts_is(play):
    pattern = PATTERN.replace(r"(?:.*\n)*#(\d+)", r"((?:.*\n)*#\d+)")
    _, plain = play()
    _, read = play(worked=True, pattern=pattern)
    assert read["answer_keys"] == plain["answer_keys"]
