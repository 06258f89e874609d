"""What the URL engine asks of a small server on loopback, and makes of its answers."""

import json
import shutil
import time

import pytest
from transformers import AutoTokenizer

from schemas.errors import BadInput, Stopped
from schemas.settings import Sampling
from tasks.engines import Checkpoint, Message, Request, completed, open_engine
from tasks.engines.openai import TRIES
from tasks.prompts import Prompt

from .api import TINY, WEIGHTS, Api, spoken, well

TOKENS = AutoTokenizer.from_pretrained(TINY)
WARM = Sampling(temperature=1.0, max_tokens=8)
ASKED = Request("q", "1+1=", WARM, seed=3)


def test_n_samples_come_from_one_request_in_their_order(settings):
    with open_engine(settings, WEIGHTS) as engine:
        completions = completed(engine, [Request("q", "1+1=", WARM, seed=3, n=4)])
    assert [(c.sample, c.text, c.num_tokens, c.finish_reason) for c in completions] == [
        (i, f"t{i}", 3, "stop") for i in range(4)
    ], "two characters, which are tokens here, and the end"
    (asked,) = Api.asked
    assert asked["path"] == "/v1/completions"
    assert (asked["n"], asked["seed"], asked["model"]) == (4, 3, "selfplay-" + "a" * 16)


def test_a_chat_is_asked_for_as_the_text_that_will_be_trained_on(settings, tmp_path):
    shutil.copytree(TINY, tmp_path / "chat")
    (tmp_path / "chat/chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}={% endfor %}")
    with open_engine(settings, Checkpoint(WEIGHTS.digest, tmp_path / "chat")) as engine:
        (completion,) = completed(engine, [Request("q", (Message("user", "1+1"),), WARM, seed=3)])
    assert completion.prompt == Api.asked[0]["prompt"] == "1+1="
    assert Api.asked[0]["path"] == "/v1/completions"


def test_by_chat_the_messages_are_sent_and_what_their_template_makes_of_them_is_stored(settings, tmp_path):
    shutil.copytree(TINY, tmp_path / "chat")
    (tmp_path / "chat/chat_template.jinja").write_text(
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    )
    chat = settings.model_copy(update={"api": "chat"})
    with open_engine(chat, Checkpoint(WEIGHTS.digest, tmp_path / "chat")) as engine:
        asked = (Message("system", "add"), Message("user", "1+1"))
        talk, raw = completed(engine, [Request("a", asked, WARM, seed=3, n=2), Request("b", "1+1=", WARM, seed=4)])[
            1:
        ]
    assert [r["path"] for r in Api.asked] == ["/v1/chat/completions"] * 2
    assert sorted((r["messages"] for r in Api.asked), key=len) == [
        [{"role": "user", "content": "1+1="}],
        [{"role": "system", "content": "add"}, {"role": "user", "content": "1+1"}],
    ]
    assert (talk.text, talk.prompt) == ("t1", "<system>add<user>1+1")
    assert raw.prompt == "<user>1+1=", "as the model saw it"


def test_a_teacher_is_asked_by_its_name_and_its_prompts_are_stored_as_the_student_will_see_them(settings):
    taught = settings.model_copy(update={"api": "chat", "model": "teacher-7b", "revision": "1"})
    with open_engine(taught, Checkpoint("teacher-7b@1", TINY)) as engine:
        (completion,) = completed(engine, [ASKED])
    assert Api.asked[0]["model"] == "teacher-7b"
    assert completion.prompt == "1+1="


def test_a_teacher_that_is_not_served_is_one_line(settings):
    taught = settings.model_copy(update={"model": "teacher-9b", "revision": "1"})
    expected = r"serves selfplay-a+, teacher-7b, not teacher-9b; name one of its models in engine\.model.* run again$"
    with pytest.raises(Stopped, match=expected), open_engine(taught, WEIGHTS):
        pass


PARTS = [{"type": "reasoning", "text": "I think"}, {"type": "text", "text": "1+1"}, {"type": "text", "text": "=2"}]


@pytest.mark.parametrize(
    ("end", "message", "reason", "text"),
    [
        ("length", {"content": None, "reasoning": "I think"}, "length", ""),
        ("stop", {"content": "2", "refusal": None}, "stop", "2"),
        ("stop", {"content": PARTS}, "stop", "1+1=2"),
        ("eos_token", {"content": "2"}, "stop", "2"),
        ("stop", {"content": None, "refusal": "I cannot"}, "refused", "I cannot"),
        ("stop", {"content": "", "refusal": "I cannot\ud800" * 99}, "refused", ("I cannot?" * 99)[:200]),
        ("stop", {"content": [{"type": "refusal", "refusal": "I cannot"}]}, "refused", "I cannot"),
        ("content_filter", {"content": None}, "refused", "it ended by 'content_filter'"),
        ("content_filter", {"content": "half of i"}, "refused", "half of i"),
        ("stop", {"content": None, "reasoning_content": "I think"}, "no_text", "it ended by 'stop'"),
        ("tool_calls", {"content": None}, "no_text", "it ended by 'tool_calls'"),
    ],
)
def test_a_chat_that_declines_or_says_nothing_is_no_fault_and_no_answer(settings, end, message, reason, text):
    taught = settings.model_copy(update={"api": "chat", "model": "teacher-7b", "revision": "1"})
    with open_engine(taught, WEIGHTS) as engine:
        Api.faults = [(200, spoken([""], end, message))]
        (completion,) = completed(engine, [ASKED])
    assert completion.finish_reason == reason
    assert (completion.text or completion.problem) == text
    assert completion.is_answer == (reason in ("stop", "length"))
    assert len(Api.asked) == 1


LONG = b"This model's maximum context length is 30 tokens"


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        ((400, b"content management policy"), "refused"),
        ((403, b"flagged"), "refused"),
        ((400, LONG), "prompt_too_long"),
        ((413, b"too many input tokens"), "prompt_too_long"),
        ((200, b'{"error": {"message": "flagged", "code": "content_filter"}}'), "refused"),
    ],
)
def test_a_request_that_is_refused_has_no_answer_where_the_smallest_has_one(settings, refusal, reason):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [refusal]
        asked = completed(engine, [Request(name, "2+2=", WARM, seed=ord(name), n=2) for name in "abc"])[::2]
        refused, *others = sorted(asked, key=lambda one: one.text)  # whichever of them arrived first
        assert (refused.finish_reason, refused.num_tokens, refused.text) == (reason, 0, "")
        assert refusal[1].decode()[:20] in refused.problem
        assert [other.text for other in others] == ["t0", "t0"]
        Api.faults = [refusal]
        completed(engine, [ASKED])
    assert [asked["prompt"] for asked in Api.asked].count("1+1=") == 1 + 1, "the smallest is asked once"


def test_a_server_that_fails_at_one_request_for_good_and_answers_another_loses_that_one_alone(settings):
    failing = (200, b'{"error": {"message": "Provider returned error", "code": 502}}')
    for fault in (failing, (500, b"tokenizer"), (200, well([""], end="error"))):
        with open_engine(settings, WEIGHTS) as engine:
            Api.faults = [fault] * TRIES
            (lost,) = completed(engine, [ASKED])
        assert lost.finish_reason == "failed"


@pytest.mark.parametrize("refusal", [(400, LONG), (403, b"no such key"), (500, b"out of order")])
def test_a_server_that_refuses_the_smallest_prompt_too_stops_the_stage(settings, refusal):
    with open_engine(settings, WEIGHTS) as engine, pytest.raises(Stopped, match=rf"HTTP {refusal[0]}.*run again$"):
        Api.faults = [refusal] * (TRIES + 1)
        completed(engine, [ASKED])


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (b"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
         r'renamed = { max_tokens = "max_completion_tokens" }'),
        (b'{"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"]}]}', r'leave_out = \["seed"\]'),
        (b"Model does not support parameter presencePenalty.", r"presence_penalty = 0\.5: change it"),
        (b"only `n` = 1 is supported", r'leave_out = \["n"\]'),
    ],
)  # fmt: skip
def test_a_parameter_that_a_server_does_not_take_is_one_line_with_the_key_to_set(settings, words, change):
    def refuse(api):
        api.answer(400, words if api.path.endswith("completions") else b"")

    asked = Request("q", "1+1=", WARM.model_copy(update={"presence_penalty": 0.5}), seed=3, n=2)
    with open_engine(settings, WEIGHTS) as engine, pytest.raises(BadInput, match=rf"HTTP 400.*{change}.*run again$"):
        Api.faults = [refuse] * 2
        completed(engine, [asked])


def test_only_what_differs_from_the_apis_default_is_said_and_in_the_servers_words(settings):
    with open_engine(settings, WEIGHTS) as engine:
        completed(engine, [ASKED])
    assert Api.asked.pop().keys() - {"path", "key"} == {"model", "prompt", "temperature", "max_tokens", "seed"}
    own = {"renamed": {"max_tokens": "max_completion_tokens"}, "leave_out": ("seed", "n")}
    with open_engine(settings.model_copy(update=own), WEIGHTS) as engine:
        samples = completed(engine, [Request("q", "1+1=", WARM, seed=3, n=3)])
    assert [sample.sample for sample in samples] == [0, 1, 2]
    assert len(Api.asked) == 3, "one by one"
    said = {"model", "prompt", "temperature", "max_completion_tokens"}
    assert all(asked.keys() - {"path", "key"} == said for asked in Api.asked)


def test_a_server_that_gives_fewer_samples_at_once_is_asked_for_the_others(settings):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["a"])), (200, well(["b", "c"]))]
        samples = completed(engine, [Request("q", "1+1=", WARM, seed=3, n=4)])
    assert [(sample.sample, sample.text) for sample in samples] == [(0, "a"), (1, "b"), (2, "c"), (3, "t0")]
    assert [asked["seed"] for asked in Api.asked] == [3, 4, 6], "as the only sample of its own seed"


def test_choices_without_a_number_count_in_their_order(settings):
    unnumbered = [{"text": text, "finish_reason": "stop"} for text in "ab"]
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, json.dumps({"choices": unnumbered}).encode())]
        assert [c.text for c in completed(engine, [Request("q", "1+1=", WARM, seed=3, n=2)])] == ["a", "b"]


def test_another_model_may_stand_in_a_bare_list_or_in_none(settings, monkeypatch):
    taught = settings.model_copy(update={"model": "teacher-9b", "revision": "1"})
    for status, listed in ((200, b'[{"id": "teacher-9b"}]'), (404, b"no such page")):
        monkeypatch.setattr(Api, "do_GET", lambda api, said=(status, listed): api.answer(*said))
        with open_engine(taught, WEIGHTS) as engine:
            assert completed(engine, [ASKED])[0].text == "t0"
    with pytest.raises(Stopped, match="/v1/models: HTTP 404"), open_engine(settings, WEIGHTS):
        pass


def test_a_server_that_asks_to_wait_for_hours_stops_the_stage_at_once(settings, waits):
    with open_engine(settings, WEIGHTS) as engine, pytest.raises(Stopped, match="asks to wait 3,600 s"):
        Api.faults = [(429, b"per day", [("Retry-After", "3600")])]
        completed(engine, [ASKED])
    assert waits == []


@pytest.mark.parametrize("message", [{"content": 3}, {"content": ["2"]}])
def test_a_chat_without_a_text_is_tried_again(settings, message):
    taught = settings.model_copy(update={"api": "chat", "model": "teacher-7b", "revision": "1"})
    with open_engine(taught, WEIGHTS) as engine:
        Api.faults = [
            (200, spoken([""], message=message)),
            (200, b'{"choices": [{"index": 0, "finish_reason": "stop"}]}'),
        ]
        assert completed(engine, [ASKED])[0].text == "t0"
    assert len(Api.asked) == 3


VLLM = {"owned_by": "vllm", "root": "/models/a", "max_model_len": 512}


def test_vllm_is_told_every_setting_and_tells_the_tokens(settings):
    Api.told = [VLLM]
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["2"], more={"token_ids": [15, 1, 2]}))]
        (completion,) = completed(engine, [Request("q", "1+1=", WARM.model_copy(update={"top_k": 5}), seed=3)])
    assert (completion.token_ids, completion.num_tokens) == ((15, 1, 2), 3), "not the server's sum, nor the text's"
    (asked,) = Api.asked
    assert (asked["top_k"], asked["min_p"], asked["repetition_penalty"], asked["return_token_ids"]) == (5, 0, 1, True)


def test_token_ids_are_kept_with_what_they_say_unless_no_training_could_read_them(settings):
    answer, end, beyond = TOKENS("#10")["input_ids"], TOKENS.eos_token_id, len(TOKENS)
    told = {
        "sampled": ([*answer, end], ([*answer, end], True)),
        "another text": ([*answer[:2], end], ([*answer[:2], end], False)),
        "without the end token": (answer, (None, None)),
        "of another vocabulary": ([*answer, beyond], (None, None)),
    }
    Api.told = [VLLM]
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["#10"], more={"token_ids": ids})) for ids, _ in told.values()]
        for name, (_, (ids, same)) in told.items():
            (said,) = completed(engine, [ASKED])
            assert (said.text, said.token_ids, said.same_tokens) == ("#10", ids and tuple(ids), same), name


def test_ids_of_another_model_are_not_kept(settings):
    Api.told = [VLLM]
    with open_engine(settings.model_copy(update={"model": "teacher-7b", "revision": "1"}), WEIGHTS) as engine:
        Api.faults = [(200, well(["2"], more={"token_ids": [5, 2]}))]
        assert completed(engine, [ASKED])[0].token_ids is None


def test_a_prompt_whose_row_spells_a_control_token_is_sent_as_ids(settings):
    hostile = Prompt("p", "{{ question }}=").render(question="1<unk>2")
    with open_engine(settings, WEIGHTS) as engine:
        (said,) = completed(engine, [Request("q", hostile, WARM, seed=1)])
    assert said.prompt == hostile
    assert Api.asked[0]["prompt"] == list(said.prompt_ids) != TOKENS(str(hostile))["input_ids"]


def test_one_samples_tokens_are_the_servers_count_where_it_tells_no_ids(settings):
    with open_engine(settings, WEIGHTS) as engine:
        assert completed(engine, [ASKED])[0].num_tokens == 5
    assert not {"top_k", "min_p", "repetition_penalty", "return_token_ids", "logprobs"} & Api.asked[0].keys()


@pytest.mark.parametrize("ids", [[], [-1], [2**31], ["1"], [True], "12", {}])
def test_token_ids_that_are_none_are_a_fault(settings, ids):
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["2"], more={"token_ids": ids}))]
        assert completed(engine, [ASKED])[0].token_ids is None
    assert len(Api.asked) == 2


@pytest.mark.parametrize("owner", ["", "sglang", "openai"])
@pytest.mark.parametrize(
    ("setting", "words"), [({"top_k": 5}, "top_k = 5"), ({"stop": tuple("abcde")}, "5 characters")]
)
def test_a_setting_that_a_server_may_ignore_is_refused_before_anything_is_asked(settings, setting, words, owner):
    Api.told = [{"owned_by": owner}]
    requests = [ASKED, Request("r", "1+1=", WARM.model_copy(update=setting), seed=3)]
    with (
        open_engine(settings, WEIGHTS) as engine,
        pytest.raises(BadInput, match=rf"^{words}.*: not in the OpenAI API, and http.*owned_by = '{owner}'"),
    ):
        completed(engine, requests)
    assert Api.asked == []


def test_a_server_that_is_seen_to_ignore_a_setting_stops_at_once(settings):
    ends = Request("q", "1+1=", WARM.model_copy(update={"stop": ("\n",)}), seed=3)
    for asked, said, words in (
        (ends, well(["2\n1+2="]), "ignores stop"),
        (ASKED, well(["2"], more={"token_ids": [1] * 9}), "ignores max_tokens"),
        (Request("q", "1+1=", WARM, seed=3, logprobs=True), well(["2"]), "ignores logprobs"),
    ):
        Api.asked = []
        with open_engine(settings, WEIGHTS) as engine, pytest.raises(Stopped, match=words):
            Api.faults = [(200, said)]
            completed(engine, [asked])
        assert len(Api.asked) == 1


def test_log_probabilities_are_told_on_request_by_either_api(settings):
    asked = Request("q", "1+1=", WARM, seed=3, logprobs=True)
    told = {"token_logprobs": [-0.5, 1e-9, -9999.0], "tokens": ["1", "2", ""]}
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [(200, well(["12"], more={"logprobs": told}))]
        (plain,) = completed(engine, [asked])
    told = {"content": [{"token": "1", "logprob": -0.5}, {"token": "2", "logprob": 0}]}
    with open_engine(settings.model_copy(update={"api": "chat", "model": "teacher-7b"}), WEIGHTS) as engine:
        Api.faults = [(200, json.dumps({"choices": [{"index": 0, "finish_reason": "stop", "logprobs": told,
                                                     "message": {"content": "12"}}]}).encode())]  # fmt: skip
        (chat,) = completed(engine, [asked])
    assert (plain.logprobs, plain.num_tokens) == ((-0.5, 0.0, -9999.0), 3)
    assert (chat.logprobs, chat.num_tokens) == ((-0.5, 0.0), 2)
    assert [r["logprobs"] for r in Api.asked] == [1, True]


@pytest.mark.parametrize("logprobs", [[0.5], ["-1"], [None], [float("nan")], [float("-inf")], [True], [-1.0, -1.0]])
def test_log_probabilities_that_are_none_are_a_fault(settings, logprobs):
    asked = Request("q", "1+1=", WARM, seed=3, logprobs=True)
    good = {"token_ids": [1], "logprobs": {"token_logprobs": [-1.0]}}
    with open_engine(settings, WEIGHTS) as engine:
        Api.faults = [
            (200, well(["2"], more=good | {"logprobs": {"token_logprobs": logprobs}})),
            (200, well(["2"], more=good)),
        ]
        assert completed(engine, [asked])[0].logprobs == (-1.0,)
    assert len(Api.asked) == 2


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (VLLM | {"root": "/models/b"}, "root was '/models/a', now '/models/b'"),
        (VLLM | {"max_model_len": 256}, "max_model_len was 512, now 256"),
        (VLLM | {"created": 1}, "created was 1700000000, now 1"),
        ({"id": "another"}, "id was 'selfplay-a+', now None"),
    ],
)
def test_a_model_that_is_exchanged_while_it_is_asked_stops_the_stage(settings, now, words):
    before = VLLM | {"created": 1_700_000_000}
    Api.told = [before, before | now]
    with open_engine(settings, WEIGHTS) as engine:
        completions = engine.generate([ASKED])
        assert next(completions).text == "t0"
        with pytest.raises(Stopped, match=rf"was exchanged while it was asked \(.*{words}.*run again$"):
            next(completions)


def test_what_servers_say_anew_each_time_is_no_exchange(settings):
    asked = iter(range(100))

    def now():
        return VLLM | {"created": int(time.time()) + next(asked), "permission": [{"id": f"modelperm-{next(asked)}"}]}

    Api.told = [now() for _ in range(4)]
    with open_engine(settings, WEIGHTS) as engine:
        for _ in range(3):
            completed(engine, [ASKED])
        assert engine.identity == VLLM | {"id": engine.model}


def test_what_a_server_says_of_itself_is_bounded_and_storable(settings):
    Api.told = [{"owned_by": "\ud800" + "x" * 5000, "root": ["list"], "parent": None, "created": "soon"}]
    with open_engine(settings, WEIGHTS) as engine:
        completed(engine, [ASKED])
        assert engine.identity == {"id": engine.model, "owned_by": "?" + "x" * 299}


@pytest.mark.parametrize("text", ["http://[::1", "http://127.0.0.1:99999/v1", "http://a\x00b/v1", "http:///v1"])
def test_a_url_that_is_none_is_bad_input(settings, text):
    none = settings.model_copy(update={"url": text})
    with pytest.raises(BadInput, match=r"engine\.url"), open_engine(none, WEIGHTS):
        pass


@pytest.mark.parametrize("models", [b"{}", b"[1]", b'{"data": 1}', b'{"data": [{"id": 1}]}', b"<html>"])
def test_a_list_of_models_of_another_shape_is_one_line(settings, monkeypatch, models):
    monkeypatch.setattr(Api, "do_GET", lambda api: api.answer(200, models))
    with pytest.raises(Stopped, match=r"/v1/models: not? "), open_engine(settings, WEIGHTS):
        pass


def test_a_server_with_other_weights_is_refused_with_the_command_that_serves_the_right_ones(settings):
    with (
        pytest.raises(Stopped, match=r"vllm serve .* --served-model-name selfplay-bbbb"),
        open_engine(settings, Checkpoint("b" * 64, TINY)),
    ):
        pass


def test_a_key_comes_from_the_environment_only(settings, monkeypatch):
    keyed = settings.model_copy(update={"api_key_env": "SELFPLAY_TEST_KEY"})
    with pytest.raises(BadInput, match="SELFPLAY_TEST_KEY"), open_engine(keyed, WEIGHTS):
        pass
    monkeypatch.setenv("SELFPLAY_TEST_KEY", "two\nlines")
    with pytest.raises(BadInput, match="SELFPLAY_TEST_KEY"), open_engine(keyed, WEIGHTS):
        pass
    monkeypatch.setenv("SELFPLAY_TEST_KEY", "secret\n")
    with open_engine(keyed, WEIGHTS) as engine:
        completed(engine, [ASKED])
    assert Api.asked[0]["key"] == "Bearer secret"
