"""The report in a real browser: read as a person reads it, with text in its rows that would rather be code."""

import dataclasses
import json
import re
import shutil

import pytest
from playwright.sync_api import expect

from tasks.audit.report import write_report

from ...conftest import ROOT, Rounds
from .written import publish

HOSTILE = (
    "<script>window.hit = 1</script>",
    "</script><img src=x onerror='window.hit = 1'>",
    "<!--<script>",
    "\u202edesrever\u2066",
    "{{ 7 * 7 }}{% raw %}",
    "m" * 1_000_000,
    "\x1b[31mred\x00",
    "\N{COMBINING ACUTE ACCENT}" * 300,
    "&lt;b&gt; \u2028 &amp;",
)
PLAIN = tuple(f"What is {n} plus {n + 7}?" for n in range(60))
HOLD = {"name": "reward_hacking", "level": "hold", "figure": 0.04, "threshold": 0.0, "text": "it fell <b>4%</b>"}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four rounds that nobody played, of every decision; the last one's texts are hostile."""
    folder = tmp_path_factory.mktemp("report")
    rounds = Rounds(folder / "store", folder / "weights")
    publish(rounds, PLAIN[:12], accuracy=0.72)
    publish(rounds, PLAIN[:12], "held", accuracy=0.71)
    publish(rounds, PLAIN[:12], "failed", alarms=[HOLD])
    publish(rounds, HOSTILE + PLAIN, accuracy=0.8, alarms=[HOLD], parent="small/1", reason=HOSTILE[0])
    page = write_report([rounds.lineage], folder / "report", lambda *_: None)
    assert page == folder / "report/small/index.html"
    return page.parent


@pytest.fixture
def faults():
    """What the browser complains of while a test reads."""
    return []


@pytest.fixture
def read(chromium, folder, faults):
    """Open a page of the report with the network cut: nothing may be asked of it, and nothing may fail."""
    asked, contexts = [], []

    def opened(name, **options):
        context = chromium.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"{folder.as_uri()}/{name}")
        page.wait_for_selector("body[data-drawn=yes]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert asked and all(url.startswith(folder.parent.as_uri()) for url in asked)
    assert not faults


def points_of(page, chart):
    """A chart's points, as a screen reader reads them."""
    found = page.locator(f"[data-chart='{chart}'] svg [aria-roledescription=point]")
    return found.evaluate_all("marks => marks.map(mark => mark.ariaLabel)")


def story_of(page, search):
    page.get_by_label("Search").fill(search)
    page.locator("#rows summary").first.click()
    return page.locator("#rows .why").first


@pytest.mark.parametrize("name", ["index.html", "round-0004.html"])
def test_every_chart_has_marks(read, name):
    page = read(name)
    charts = page.locator(".plot").evaluate_all("all => all.map(one => one.dataset.chart)")
    assert len(charts) >= 6
    assert [
        chart for chart in charts if not page.locator(f"[data-chart='{chart}'] [class*=mark-] path").count()
    ] == []


def test_the_lineage_shows_each_round_as_it_was_decided(read):
    page = read("index.html")
    points = points_of(page, "accuracy-0")
    decided = sorted(re.search(r"round: (\d).* decision: (\w+)", label).groups() for label in points)
    assert decided == [("1", "promoted"), ("2", "held"), ("3", "failed"), ("4", "promoted")]
    assert any("accuracy: 72%" in label and "low: 70.0%; high: 74.0%" in label for label in points)
    assert page.locator(".badge").filter(has_text="failed").count() == 2, "in the table, and with its reason"
    assert page.get_by_text("it fell <b>4%</b>").count() == 2, "an alarm's text is a text"
    assert page.get_by_text("70.0% became 80.0%").count() == 1


def test_a_round_shows_every_figure_of_its_checkpoints_and_what_the_gate_compared(read):
    page = read("round-0004.html")
    points = [dict(part.split(": ") for part in label.split("; ")) for label in points_of(page, "scores-0")]
    told = [(point["figure"], point["checkpoint"], point["accuracy"]) for point in points]
    roles = ("base", "champion", "candidate")
    assert {(f, role) for f, role, _ in told} == {
        (figure, role) for figure in ("greedy", "mean@4", "pass@2", "pass@4", "maj@4") for role in roles
    }
    assert ("greedy", "candidate", "80%") in told and ("pass@4", "base", "75%") in told
    rows = page.get_by_role("region", name="What the gate compared").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in rows] == ["gain", "guard", "sealed"]
    findings = ["could have shown +3.1%", "a loss of 2.0% is ruled out", "reading 3"]
    assert [row.split("\t")[-1] for row in rows] == findings


def test_a_column_sorts_both_ways(read):
    page = read("index.html")
    head = page.get_by_role("button", name="after")
    column = page.locator("table.cards tbody tr th")
    head.click()
    assert column.all_inner_texts() == ["small/3", "small/2", "small/1", "small/4"]
    head.click()
    assert column.all_inner_texts()[0] == "small/4"
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_search_and_filter_find_a_row_and_a_click_opens_its_why(read):
    page = read("round-0004.html")
    assert re.search("30 of [0-9]+ shown", page.locator("#row-count").inner_text())
    page.get_by_label("Show").select_option("dropped")
    assert page.locator("#rows .kind.kept").count() == 0 < page.locator("#rows .kind.dropped").count()
    story = story_of(page, "What is 0 plus 7?")
    assert page.locator("#rows .row").count() == 1
    for said in (
        "Dropped",
        "below_band",
        "0.25",
        "attempts",
        "made of it",
        "it was made of this",
        "answer class",
        "Filters",
        "selfplay why questions-",
    ):
        expect(story).to_contain_text(said)
    page.get_by_label("Show").select_option("=probe_verdicts")
    page.get_by_label("Search").fill("window.hit = 1</script>")
    expect(page.locator("#rows .row")).to_contain_text("right")
    page.get_by_label("Search").fill("no row says this")
    expect(page.locator("#row-none")).to_be_visible()


def test_the_sample_is_of_every_kind_the_same_each_time_and_says_of_how_many(read, folder, tmp_path):
    from tasks.store.lineage import open_lineage

    again = write_report([open_lineage(folder.parents[1] / "store", "small")], tmp_path, lambda *_: None).parent
    pages = [(home / "round-0004.html").read_text() for home in (folder, again)]
    without_time = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", page) for page in pages]
    assert without_time[0] == without_time[1]
    kinds = read("round-0004.html").locator("#row-kind option").all_inner_texts()
    assert [kind for kind in kinds if "dropped: below band (22 of 22)" in kind]
    assert [kind for kind in kinds if "selections (46 of 46)" in kind]


def test_hostile_text_is_shown_and_does_nothing(read, folder):
    page = read("round-0004.html")
    page.get_by_role("button", name="more").click()
    while page.get_by_role("button", name="more").is_visible():
        page.get_by_role("button", name="more").click()
    page.locator("#rows .row").evaluate_all("rows => rows.forEach(row => { row.open = true; })")
    page.wait_for_function("document.querySelectorAll('.row').length === document.querySelectorAll('.why').length")
    assert page.evaluate("window.hit") is None
    assert page.locator("main img, main iframe, #rows script, #rows b").count() == 0
    shown = page.locator("#rows").inner_text()
    for text in (HOSTILE[0], HOSTILE[1], HOSTILE[4], "[31mred", "(1,000,000 characters in all)"):
        assert text in shown
    for hidden in ("U+202E", "U+2066", "U+001B", "U+0000", "U+2028"):
        assert page.locator(".unseen", has_text=hidden).count() > 0
    assert page.locator(".lead").inner_text() == HOSTILE[0]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert (folder / "round-0004.html").stat().st_size < 3_000_000


def test_a_page_cannot_be_made_to_run_or_fetch_anything(read, faults):
    page = read("index.html")
    run = "text => { const made = document.createElement('script'); made.text = text; document.body.append(made); }"
    with pytest.raises(Exception, match="TrustedScript"):
        page.evaluate(run, "window.hit = 1")
    assert page.evaluate("window.hit") is None
    assert page.evaluate("fetch('report.css').then(() => 'fetched', () => 'refused')") == "refused"
    assert len(faults) >= 2 and all(
        "Content Security Policy" in fault or "TrustedScript" in fault for fault in faults
    )
    faults.clear()


@pytest.mark.parametrize("name", ["index.html", "round-0004.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_down_only(read, name, scheme):
    page = read(name, color_scheme=scheme, **PHONE)
    for details in page.locator("details:visible").all()[:6]:
        details.evaluate("one => { one.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground))) < 200) is (scheme == "dark")


def test_the_keyboard_reaches_the_search_and_opens_a_row(read):
    page = read("round-0004.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("/")
    page.keyboard.type("What is 3 plus 10?")
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#rows .why").first).to_be_visible()


def test_a_link_to_a_row_opens_it(read, folder):
    row = re.search(r'"id":"(selections-0004-[0-9a-f]{20})"', (folder / "round-0004.html").read_text())[1]
    page = read(f"round-0004.html#{row}")
    expect(page.locator(f"#{row} .why")).to_contain_text(f"selfplay why {row}")


def test_what_changed_since_the_parent_is_shown(read):
    page = read("round-0004.html")
    changes = page.locator("section[aria-labelledby=changes]")
    expect(changes).to_contain_text("From small/1")
    assert changes.get_by_role("row").filter(has_text="questions").first.inner_text().split()[1:4] == [
        "12",
        "57",
        "0",
    ]
    scores = changes.get_by_role("region", name="Scores").inner_text()
    assert "sums candidate" in scores and "72.0%" in scores and "80.0%" in scores
    assert read("round-0001.html").locator("#changes").count() == 0, "its champion was the base model"


def test_a_store_of_several_recipes_has_a_page_that_lists_them(chromium, tmp_path):
    rounds = Rounds(tmp_path / "store", tmp_path / "weights")
    publish(rounds, PLAIN[:3])
    shutil.copytree(rounds.lineage.folder, rounds.store / "other")
    renamed = tuple(m.model_copy(update={"recipe": "other"}) for m in rounds.lineage.manifests)
    other = dataclasses.replace(rounds.lineage, recipe="other", published=renamed)
    page = chromium.new_page()
    page.goto(write_report([rounds.lineage, other], tmp_path / "report", lambda *_: None).as_uri())
    assert page.get_by_role("rowheader").all_inner_texts() == ["small", "other"]


def test_the_shipped_charting_library_has_its_licences_beside_it(folder):
    licences = (folder.parent / "assets/vega.licences.txt").read_text()
    locked = json.loads((ROOT / "scripts/charts/package-lock.json").read_text())["packages"]
    for name in ("vega", "vega-lite", "vega-interpreter", "d3-scale"):
        assert f"{name} {locked[f'node_modules/{name}']['version']} (" in licences
    assert locked["node_modules/vega-lite"]["version"] in (folder.parent / "assets/vega.js").read_text()
