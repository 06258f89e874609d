"""A chat template is told one date for ever, and may draw nothing at random."""

import json
import shutil
from pathlib import Path

import pytest

from schemas.errors import BadInput
from tasks.engines.chat_template import reads_the_clock, refuse_chance
from tasks.engines.engine import Message

TINY = Path(__file__).resolve().parents[3] / "deployments/models/tiny"
SAID = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


@pytest.fixture
def with_template(tmp_path):
    """The tiny model's tokenizer, with a chat template."""

    def write(template, file="tokenizer_config.json"):
        folder = shutil.copytree(TINY, tmp_path / "model", dirs_exist_ok=True)
        if file.endswith(".jinja"):
            (folder / file).write_text(template)
        else:
            told = json.loads((folder / file).read_text())
            (folder / file).write_text(json.dumps(told | {"chat_template": template}))
        return folder

    return write


def test_a_template_that_asks_for_the_date_is_told_the_same_one_every_day(with_template):
    from transformers import AutoTokenizer

    from tasks.engines.texts import rendered

    folder = with_template("Today Date: {{ strftime_now('%d %b %Y') }}. " + SAID)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert rendered(tokenizer, (Message("user", "1+1="),)) == "Today Date: 01 Jan 2025. 1+1="


@pytest.mark.parametrize("file", ["tokenizer_config.json", "chat_template.jinja"])
def test_a_template_that_draws_at_random_is_refused_with_its_file(with_template, file):
    for drawn in ("{{ ['a', 'b'] | random }}", "{{ lipsum(n=1) }}", "{% generation %}{{ [1, 2]|random }}"):
        folder = with_template(drawn + SAID, file)
        with pytest.raises(BadInput, match=rf"{file}: the chat template draws at random \('(random|lipsum)'\)"):
            refuse_chance(folder)


def test_the_words_alone_draw_nothing_and_read_no_clock(with_template):
    folder = with_template("random lipsum(1) strftime_now {# | random #}{{ 'x | random' }}" + SAID)
    refuse_chance(folder)
    assert not reads_the_clock(folder)
    assert reads_the_clock(with_template([{"name": "default", "template": "{{ strftime_now('%d') }}"}]))


@pytest.mark.parametrize("template", ["{{ never closed", 7, [7, {"template": None}], None])
def test_what_is_no_template_is_left_to_whoever_renders_it(with_template, template):
    folder = with_template(template)
    refuse_chance(folder)
    assert not reads_the_clock(folder)
