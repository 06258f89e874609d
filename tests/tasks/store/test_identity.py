from schemas.attempts import ATTEMPTS
from schemas.questions import QUESTIONS
from tasks.store.draft import Draft


def test_a_rows_id_depends_on_its_table_seed_label_parents_and_index_and_on_no_code_or_settings(draft):
    def row_id(table=QUESTIONS, *parents, **changes):
        made = {"lineage": draft.lineage, "round": 1, "stage": "propose", "key": "0" * 32, "seed": 1} | changes
        return Draft(**made).row_id(table, *(parents or ("proposal", 0)))

    assert row_id().startswith("questions-0001-")
    assert row_id(key="1" * 32) == row_id() == row_id(stage="renamed")
    others = {
        row_id(ATTEMPTS), row_id(seed=2), row_id(round=2), row_id(label="wave-1"),
        row_id(QUESTIONS, "proposal", 1), row_id(QUESTIONS, "another", 0),
    }  # fmt: skip
    assert len({other[-20:] for other in others - {row_id(round=2)}}) == 5
    assert row_id() not in others


def test_noise_depends_on_the_recipes_seed_the_round_and_what_is_drawn(draft):
    assert draft.random_seed("solve", "1+1") == draft.random_seed("solve", "1+1")
    assert (
        len({draft.random_seed("solve", "1+1"), draft.random_seed("solve", "1+2"), draft.random_seed("vote", "1+1")})
        == 3
    )
