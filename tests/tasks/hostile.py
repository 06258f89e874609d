"""Texts that a reader may meet: what was once a fault of one, and five kinds of soup for Hypothesis to stir."""

from hypothesis import strategies as st

FAULTS = [  # what a reader once raised at, hung at or grew from; of a pair, the second is read beside the first
    ("\\boxed{1/0}", "3"),
    ("\\boxed{(4/0, 1)}", "(4,1)"),
    ("1/0", "2/0"),
    ("0/0", "0/0"),
    ("(1/0,2)", "\\{1/0\\}"),
    ("5/0 cm", "5 m"),
    ("\\frac{1}{0}", "\\frac10"),
    ("1/0%", "0^{-1}"),
    ("e\u0301" + "\u0323\u0301" * 4_000, "1" + "\u0327\u0301" * 4_000),
    ("1e999999999", "10^{10^{10}}"),
    ("9" * 5_000, "0." + "3" * 5_000),
    ("9" * 4_301, "1/" + "9" * 4_301),
    ("{" * 3_000, "(" * 1_500 + "1" + ")" * 1_500),
    ("\\frac{1}{" * 400, "\\sqrt{" * 400),
    ("１／２৫" * 300, "１／２৫" * 300),
    ("\\boxed{" * 400 + "5", "\\left(" * 300),
    ("<think>" * 300, "</think>" * 300),
    ("#" + "1 " * 3_000 + "x", "a" * 5_000 + "!"),
    ("\ud800", "\udfff\\boxed{\ud800}"),
    ("\x00\x1b[2J\u202e\u2066", "<script>alert(1)</script>&lt;"),
    ("²" * 500, "½" * 500),
    ("٣٫٥", "၅"),
    ("(𝟏,𝟐)", "①"),
    ("ﷺ" * 500, "ﾞ" * 4_000),
    ("[" * 2_000, '{"a": ' * 1_500),
    ("```\n" * 500, "~~~\n" * 500),
    ("\n" * 3_000, " 9. " * 800),
    ("How =" * 600, "1E300" * 300),
    ("000000000000\xff" * 300, "000000000000℃" * 300),
    ("1E300,1E300", "1E400"),
    ("AA", 'THE"-'),
    ("", " "),
]


def pieces(text: str, *spaces: str) -> list[str]:
    return [*text.split(), *spaces]


MATHS = pieces(r"""
    \frac \dfrac{ \sqrt[3]{ \boxed{ \boxed \left( \right) \text{ \{
    \} \cdot \times \pm \mp \in \cup \infty \pi \begin{pmatrix}
    \end{pmatrix} \begin{cases} & \\ \\boxed{ \mathrm{ \% \$ $ $$ \( \) \[ \] \, \;
    \! ~ ^ _ ^{ _{ ^\circ { } ( ) [ ] | < > \le
    \ge \ne = + - * / ! ' , ; : . x y i
    e n 0 1 2 3 10 -1 \log_ \sin \sum_{k=1}^ \int \lim \overline{ \pmod{ \bmod \emptyset
    \mathbb{R} \setminus \mid \to \quad \dots
""")
ANSWERS = pieces(
    r"""
    0 1 2 3 -1 007 1.50 .5 1. 1/2 1/0 0/0 -3/4 1,000
    1.000,5 1e5 1e-400 1e400 10^{10^{10}} 2^{99999} 50% \% 12:30 3:4 $5 €3 £ ¢ ¥
    5cm m/s km^2 kg hours minutes dollars apples degrees ° mod base_{2} _{8} 0x1F AM pm (
    ) [ ] { } \{ \} , ; and or to < > = <= ≤
    ≥ ≠ ± √ ∞ π ½ ² ³ × · − – — ' " x= y= f(x)=
    x y A B (A) A) C. i 2i yes No true none DNE undefined ten two hundred third half
    minus point over 1st 2nd XIV east Tuesday John ... ! ?
    """,
    "\n",
    "\t",
)
SCRIPTS = pieces(
    """
    数 個 小明 有 是 三十二 百 千 万 ２ １／２ ％ ， 。 （ ）
    答案 か が か\u3099 ﾃﾞ ー データ 円 ส้ม ๕ กี่ บาท ລາວ ១២ ကို ཀ་ ꀀ
    لدى ٥ ٣٫٥ ٪ تفاحات می\u200cروم שלום ३ सेब है ৫ 한국어 사과 개 Сколько 5 ответ Ω
    α İ ı ẞ ß ﬁ ﷺ é e\u0301 ñ Ⅻ ① ½ 𝑥 𝟐 ℃ ㎏ №
    \u0301 \u0323 \u200b \u200d \u202e \u2066 \ufeff \ufe0f \u20e3 \u3164 \ud800 \udc00 \ue000
    \U0010ffff \U000e0041 👍🏽
    """,
    " ",
    "\u3000",
    "\xa0",
)
CHATS = pieces(
    """
    <think> </think> <thinking> <|im_end|> <|im_start|> <|eot_id|> <s> </s> [INST] [/INST] assistant
    user: Assistant: 9. 10. 11. 9)
    **10.** #10 10: (9) ``` ~~~ - * # ## #### $$ \\[
    \\] \\boxed{ } | --- <b> </script> <!-- &lt; ![x]( ]( http://e.org `code`
    {{ }} {% <<3+4=7>> Answer: Solution: The answer is Question: Sure! Here Final
    Step 1. 2 + = ? : ! How many edges has a cube
    write a program draw image \x1b[31m \x07 \x9b \x00
    """,
    *("\n", "\n\n", " ", "\t", "\r", "\u2028", "the answer is "),
)


def soup(of: list[str]) -> st.SearchStrategy[str]:
    # a byte a piece: a list of them takes Hypothesis five times as long to draw
    return st.binary(max_size=18).map(
        lambda drawn: (" " * (drawn[:1] > b"\x7f")).join(of[n % len(of)] for n in drawn[1:])
    )


ANY = st.text(st.characters(codec=None), max_size=40)  # lone surrogates too
KINDS = (MATHS, ANSWERS, SCRIPTS, CHATS, MATHS + ANSWERS, SCRIPTS + CHATS)
SHORT = st.one_of(ANY, *map(soup, KINDS))
LONG = st.builds(lambda text, times: (text * times)[:5_000], SHORT, st.sampled_from([2, 30, 300]))
TEXTS = st.integers(0, 7).flatmap(lambda n: SHORT if n else LONG)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | SHORT,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
