"""Claims about words of any script, and about what novelty and contamination make of them."""

import re
import time
import unicodedata
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.novelty.contamination import Hit, ProtectedTexts
from tasks.novelty.copies import ExactIndex
from tasks.novelty.index import NoveltyIndex, rouge_l_f1
from tasks.novelty.words import level, num_words, quarters_of, spans_of, words_and_signs_of, words_of

PROBLEMS = {  # unrelated ones, all of the numbers 5 and 3; with a name, and another name to put in its place
    "Chinese": [
        ("小明有5个苹果，吃了3个，还剩下几个苹果？", "小明", "小红"),
        ("王老师买了5支钢笔，每支3元，一共花了多少钱？", "王老师", "李老师"),
        ("一辆汽车每小时行驶5千米，行驶3小时后一共走了多少路程？", "汽车", "火车"),
        ("长方形花坛的长是5米，宽是3米，求这个花坛的面积。", "花坛", "操场"),
        ("甲数是5，乙数是3，甲数的平方比乙数的平方大多少？", "甲数", "丙数"),
        ("水池里有3条金鱼，又放进5条，现在水池里共有多少条鱼？", "金鱼", "鲤鱼"),
    ],
    "Japanese": [
        ("太郎さんはりんごを5個持っています。3個食べると、残りは何個ですか。", "太郎", "花子"),
        ("1本5円のえんぴつを健太くんが3本買いました。代金はいくらですか。", "健太", "美咲"),
        ("縦が5センチメートル、横が3センチメートルの長方形の面積を求めなさい。", "長方形", "平行四辺形"),
        ("バスに乗客が3人乗っていて、次の停留所で5人乗りました。全部で何人になりましたか。", "バス", "電車"),
    ],
    "Thai": [
        ("สมชายมีส้ม 5 ผล กินไป 3 ผล เหลือส้มกี่ผล", "สมชาย", "มานี"),
        ("ดินสอราคาแท่งละ 5 บาท ถ้าวิชัยซื้อ 3 แท่ง ต้องจ่ายเงินทั้งหมดกี่บาท", "วิชัย", "ปิติ"),
        ("รูปสี่เหลี่ยมผืนผ้ายาว 5 เมตร กว้าง 3 เมตร มีพื้นที่กี่ตารางเมตร", "เมตร", "วา"),
    ],
    "Arabic": [
        ("لدى أحمد ٥ تفاحات وأكل منها ٣ تفاحات، فكم تفاحة بقيت معه؟", "أحمد", "خالد"),
        ("اشترت مريم ٣ أقلام ثمن القلم الواحد ٥ دراهم، فما المبلغ الذي دفعته؟", "مريم", "سلمى"),
        ("مستطيل طوله ٥ أمتار وعرضه ٣ أمتار، احسب مساحة هذا المستطيل.", "مستطيل", "بستان"),
    ],
    "Hindi": [
        ("राम के पास 5 सेब थे, उसने 3 सेब खा लिए, अब उसके पास कितने सेब बचे?", "राम", "मोहन"),
        ("एक पेन का मूल्य 5 रुपये है, सीता ने 3 पेन खरीदे तो उसे कुल कितने रुपये देने होंगे?", "सीता", "गीता"),
        ("एक आयत की लंबाई 5 मीटर और चौड़ाई 3 मीटर है, उसका क्षेत्रफल ज्ञात कीजिए।", "आयत", "खेत"),
    ],
    "Korean": [
        ("철수는 사과를 5개 가지고 있었는데 3개를 먹었습니다. 남은 사과는 몇 개입니까?", "철수는", "영희는"),
        ("연필 한 자루의 값은 5원입니다. 민수가 연필 3자루를 사면 모두 얼마를 내야 합니까?", "민수가", "지영이"),
        ("가로가 5미터이고 세로가 3미터인 직사각형 모양 밭의 넓이를 구하시오.", "밭의", "방의"),
    ],
    "Russian": [
        ("У Маши было 5 яблок, она съела 3 яблока. Сколько яблок у неё осталось?", "Маши", "Даши"),
        ("Тетрадь стоит 5 рублей. Сколько денег заплатил Петя за 3 такие тетради?", "Петя", "Коля"),
        ("Длина комнаты 5 метров, а ширина 3 метра. Найдите площадь этой комнаты.", "комнаты", "площадки"),
    ],
}
ALL = [problem for problems in PROBLEMS.values() for problem in problems]


def as_protected(*texts: str) -> ProtectedTexts:
    return ProtectedTexts([("test", str(row), text) for row, text in enumerate(texts)])


def test_unrelated_problems_that_share_their_numbers_are_new_and_clean() -> None:
    index = NoveltyIndex(0.7)
    for text, _, _ in ALL:
        assert index.admit(text, text) and not index.admit(text, text)
        assert as_protected(*(other for other, _, _ in ALL if other != text)).find(text) is None
    for problems in PROBLEMS.values():
        assert max(rouge_l_f1(one[0], other[0]) for one, other in combinations(problems, 2)) < 0.6


@pytest.mark.parametrize(("text", "name", "other"), ALL)
def test_a_copy_with_another_name_is_not_new_and_is_contaminated(text: str, name: str, other: str) -> None:
    index = NoveltyIndex(0.7)
    index.add(text, "row")
    copy = text.replace(name, other)
    assert copy != text and index.nearest(copy)[1] == "row" and as_protected(text).find(copy) is not None


def test_phrases_that_many_problems_share_are_no_run() -> None:
    """Thirteen characters in a row are; so many words they are not."""
    shared = "这个长方形的面积是多少平方厘米"
    row = f"把边长为二十的正方形剪去一角后，{shared}？"
    text = f"用一根铁丝先围圆再改围，{shared}？"
    assert len(shared) > 13 and as_protected(row).find(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "甲乙两地相距二百四十千米，一列客车和一列货车同时从两地相向开出，几小时后相遇？",
        "春天的公园里一共种了三排桃树和四排梨树，每排都有十二棵，两种树共有多少棵呢？",
        "ร้านค้าแห่งหนึ่งขายหนังสือได้วันละสิบสองเล่มและขายสมุดได้มากกว่าหนังสือสองเท่าทุกวัน",
    ],
)
def test_a_run_is_found_in_a_longer_text_and_named(text: str) -> None:
    run = text[2:-1]
    hit = as_protected("別の問題です", text).find(f"Question: {run} 答")
    assert hit == Hit("ngram", "test", "1", run, 1.0)


def test_characters_of_a_script_without_spaces_are_worth_parts_of_a_word() -> None:
    row = "".join(chr(0x4E00 + n) for n in range(40))
    protected = ProtectedTexts([("test", "0", row)], ngram=13, near=None)
    assert protected.find(f"x{row[:25]}y") is None
    assert protected.find(f"x{row[:26]}y") == Hit("ngram", "test", "0", row[:26], 1.0)
    assert [quarters_of(word) for word in words_of("one שלום है 한국 12 字 か ア ก ខ ປ")] == [
        4,
        4,
        4,
        4,
        4,
        2,
        2,
        2,
        1,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            "一个长方形的长是１２厘米，宽是８厘米，它的面积是多少？",
            "一个长方形的长是12厘米,宽是8厘米,它的面积是多少?",
        ),
        ("What is １２ × ８？", "what is 12 × 8?"),
        ("ما مجموع ١٢ و ٨؟", "ما مجموع 12 و 8؟"),
        ("१२ और ८ का योग?", "12 और 8 का योग?"),
        ("Un café coûte 3 €", "Un cafe\u0301 cou\u0302te 3 €"),
        ("ﾃﾞｰﾀは3個", "データは3個"),
        ("Find 𝑥 if 𝟐𝑥 = 6.", "find x if 2x = 6."),
        ("How many eggs?", "How\u200b many e\u00adggs\u202c?"),
        ("How many ﬁsh?", "how many FISH?"),
    ],
)
def test_a_copy_in_other_characters_is_a_copy(row: str, text: str) -> None:
    assert ProtectedTexts([("test", "0", row)], ngram=None, near=None).find(text) == Hit(
        "exact", "test", "0", text, 1
    )
    assert rouge_l_f1(row, text) == 1.0


def test_what_another_character_says_is_no_copy() -> None:
    index = ExactIndex()
    for text in ("What is 52?", "What is 31/2?", "What is Ａ?"):
        index.add(text, text)
    assert index.nearest("What is 5²?") == index.nearest("What is 3½?") == index.nearest("What is b?") == (0.0, None)
    assert index.nearest("What is ５２？") == (1.0, "What is 52?")
    same = (1.0, "What is Ａ?")
    assert index.nearest("What is A?") == index.nearest("What is a?") == same, "neither case nor width makes it new"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom's x_1, 3.5", ["tom", "s", "x_1", "3", "5"]),
        ("“Tom’s” – 3…", ["tom", "s", "3"]),
        ("CAFÉ cafe\u0301 cafe", ["café", "café", "cafe"]),
        ("小明有５个", ["小", "明", "有", "5", "个"]),
        ("か\u3099 ｶﾞ データ", ["が", "ガ", "デ", "ー", "タ"]),
        ("ส้ม ๕ ที่", ["ส้", "ม", "5", "ที่"]),
        ("हिन्दी में ३", ["हिन्दी", "में", "3"]),
        ("\u1112\u1161\u11ab글 ٣", ["한글", "3"]),
        ("می\u200cروم ١٢", ["میروم", "12"]),
        ("x² x¹² 3½ H₂O", ["x", "2", "x", "12", "3", "1", "2", "h_2o"]),
        ("5㎏ ５kg ℃", ["5kg", "5kg", "c"]),
        ("Straße ΣΟΦΟΣ σοφος", ["strasse", "σοφοσ", "σοφοσ"]),
        ("a\u200b\u202eb\ufe0f 3\ufe0f\u20e3", ["ab", "3"]),
        ("x ≠ 5, =\u03385 \u0301a", ["x", "5", "5", "a"]),
        ("\ud800one\ud800 \ue000 \U0010ffff", ["one"]),
        ("", []),
    ],
)
def test_words_of_any_script(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected


def test_signs_are_words_where_they_are_asked_for() -> None:
    assert words_and_signs_of("3+5=B?") == ["3", "+", "5", "=", "b", "?"]
    assert words_and_signs_of("三＋5。") == ["三", "+", "5", "。"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("one two - three", 4),
        ("один два три", 3),
        ("小明有5个苹果，吃了3个。", 7),  # ten characters and two numbers
        ("数", 1),
        ("Solve x + 1 = 3 的解。", 5),
        ("กกกกก", 2),
    ],
)
def test_words_are_counted_in_any_script(text: str, number: int) -> None:
    assert num_words(text) == number


PIECES = st.sampled_from(
    ["a", "B_", "é", "e", "\u0301", "か", "\u3099", "½", "²", "ﷺ", "₂", "小", "५", "ท", "ี", " ", ",", "ß"]
)
TEXTS = st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=20).map("".join))


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_words_are_the_same_however_a_text_is_encoded(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert words_of(unicodedata.normalize(form, text)) == words_of(text)
    assert words_of(level(text)) == words_of(text) and level(level(text)) == level(text)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_each_word_has_its_span(text: str) -> None:
    found, spans = words_of(text), spans_of(text)
    assert len(found) == len(spans)
    for (start, end), (following, _) in pairwise(spans):
        assert start < end and (end <= following or text[following] in "½ﷺ" or len(level(text[following])) > 1)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_ascii_words_are_runs_of_letters_digits_and_low_lines(text: str) -> None:
    assert words_of(text) == [word.casefold() for word in re.findall(r"\w+", text)]
    assert num_words(text) == len(text.split()) and level(text) == text


@pytest.mark.parametrize(
    "piece", ["\u0301", "\u0301\u0323", "e\u0301", "ﾞ", "か\u3099", "小", "ﷺ", "½", "²", "€ ", "\u200b", "\ud800", "ส้"]
)
def test_a_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (200_000 // max(len(piece), len(level(piece))))
    for read in (level, words_of, words_and_signs_of, spans_of, num_words):
        started = time.perf_counter()
        read(text)
        assert time.perf_counter() - started < 5, read  # about .2 s; put in order unbounded, accents take minutes
