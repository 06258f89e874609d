r"""Expressions: what an answer's tokens say, as a tree.

A node is a tuple that begins with its kind: ("num", value, digits), ("sym", name), ("const", name), ("+", terms),
("*", factors), ("/", above, below), ("^", base, exponent), ("neg", node), ("pm", sign, node), ("!", node), ("call",
name, arguments), ("big", sum or prod, name, from, to, body), ("opaque", text), ("seq", opening, closing, items),
("set", items), ("builder", name, condition), ("join", union, inter or minus, left, right), ("rel", signs, sides),
("list", items, joiner), ("matrix", rows), ("det", rows), ("amount", node, phrase, marked), ("mod", node, modulus),
("all", name of a set of numbers), ("empty",).
"""

from fractions import Fraction

from tasks.answers.amounts import (
    MONEY_SIGNS,
    SCALE_LETTERS,
    mixed_number,
    multiplied,
    powered,
    temperature,
    with_unit,
)
from tasks.answers.cursor import Cursor, Node, NotMathematics
from tasks.answers.names import ALWAYS_CALLED, RELATIONS, counted, inverse, is_called, is_capitals
from tasks.answers.tokens import FUNCTIONS, GREEK, Token

MAX_DEPTH = 40
_CONSTANTS = {"pi": "pi", "infty": "infty", "imath": "i", "mathrm{i}": "i"}
_PARTING = {",": ",", ";": ",", "and": "and", "or": "or"}
_JOINS = {"cup": "union", "cap": "inter", "setminus": "minus"}
_WHOLE_NUMBERS = ("sum", "prod")
_OPAQUE = frozenset(
    [
        "overline",
        "overrightarrow",
        "vec",
        "widehat",
        "hat",
        "angle",
        "triangle",
        "arc",
        "overarc",
        "bar",
        "overleftrightarrow",
    ]
)


def parse(tokens: list[Token]) -> Node:
    """The tree of all tokens. Raises NotMathematics; time is linear in their number, times MAX_DEPTH."""
    at = Cursor(tokens)
    node = listed(at)
    if at.place < len(tokens):
        raise NotMathematics(tokens[at.place].text)
    return node


def listed(at: Cursor) -> Node:
    """Statements that commas, "and" or "or" join."""
    at.depth += 1
    if at.depth > MAX_DEPTH:
        raise NotMathematics("too deep")
    at.take("either", "both")
    items, joiner = [statement(at)], ""
    while (token := at.next()) is not None and token.text in _PARTING and token.kind != "number":
        at.place += 1
        word = _PARTING[token.text]
        while at.sees("and", "or", ","):  # "1, 2, and 3"
            word = _PARTING[at.tokens[at.place].text]
            at.place += 1
        if at.next() is None and word == ",":
            break
        joiner = word if word != "," or not joiner else joiner
        items.append(statement(at))
    at.depth -= 1
    return items[0] if len(items) == 1 else ("list", tuple(items), joiner)


def statement(at: Cursor) -> Node:
    """A relation, a chain of them, or what stands without one; and a modulus behind it."""
    signs: list[str] = []
    sides: list[Node] = []
    if (token := at.next()) is not None and token.text in ("<", ">", "le", "ge", "ne"):
        sides = [("sym", "")]  # "\\le 5"
    elif token is not None and token.text in ("approx", "=", "≈", "rightarrow", "therefore"):
        at.place += 1  # "= 5", "\approx 3.14"
    sides = sides or [joined(at)]
    while (token := at.next()) is not None and token.text in RELATIONS and token.kind != "number":
        at.place += 1
        sign = RELATIONS[token.text]
        if sign in "<>" and at.take("="):
            sign += "="
        signs.append(sign)
        sides.append(joined(at))
    node: Node = sides[0] if not signs else ("rel", tuple(signs), tuple(sides))
    return _modulo(at, node)


def _modulo(at: Cursor, node: Node) -> Node:
    opened = at.sees("(") and (ahead := at.next(1)) is not None and ahead.text == "mod"
    if not opened and not at.sees("mod", "pmod", "bmod"):
        return node
    at.place += 1 + bool(opened)
    braced = at.take("{")
    modulus = added(at)
    if braced:
        at.must("}")
    if opened:
        at.must(")")
    return ("mod", node, modulus)


def joined(at: Cursor) -> Node:
    """Sets joined by unions, intersections and differences."""
    node = _ratio(at)
    while (token := at.next()) is not None and token.text in _JOINS:
        at.place += 1
        node = ("join", _JOINS[token.text], node, _ratio(at))
    return node


def _ratio(at: Cursor) -> Node:
    node = added(at)
    while (token := at.next()) is not None and token.text in (":", "to") and token.kind != "number" and not at.bars:
        at.place += 1
        node = ("ratio", node, added(at))
    return node


def added(at: Cursor) -> Node:
    """A sum."""
    terms = [signed_term(at)]
    while at.sees("+", "-", "pm", "mp"):
        terms.append(signed_term(at))
    return terms[0] if len(terms) == 1 else ("+", tuple(terms))


def signed_term(at: Cursor) -> Node:
    """A term with the signs before it."""
    signs: list[str] = []
    while token := at.take("+", "-", "pm", "mp"):
        signs.append(token.text)
        if len(signs) > 4:
            raise NotMathematics("signs")
    node = product(at)
    for sign in reversed(signs):
        if sign in ("pm", "mp"):
            node = ("pm", sign, node)
        elif sign == "-":
            node = ("amount", ("neg", node[1]), *node[2:]) if node[0] == "amount" else ("neg", node)
    return node


def product(at: Cursor) -> Node:
    """Factors, divisions, and a unit at the end."""
    node = _mixed(at) or power(at)
    while (token := at.next()) is not None:
        if token.text in ("cdot", "times", "*", "·", "×") and token.kind != "number":
            at.place += 1
            second = _signed_power(at)
            vectors = token.text in ("times", "×") and node[0] == second[0] == "opaque"
            node = ("call", "cross", (node, second)) if vectors else multiplied(node, second)
        elif token.text in ("/", "div") and token.kind != "number":
            at.place += 1
            node = ("/", node, _signed_power(at))
        elif token.text == "choose":
            at.place += 1
            node = ("call", "binom", (node, product(at)))
        elif token.text == "over":
            at.place += 1
            node = ("/", node, product(at))
        elif (amount := with_unit(at, node)) is not None:
            return amount
        elif _begins_a_factor(at, token):
            node = multiplied(node, power(at))
        else:
            break
    return node


def _signed_power(at: Cursor) -> Node:
    return ("neg", power(at)) if at.take("-") else (at.take("+"), power(at))[1]


def _mixed(at: Cursor) -> Node | None:
    r"""`1 1/2`, `2\frac13`: a whole number and a proper fraction behind it."""
    first, second = at.next(), at.next(1)
    if first is None or second is None or first.kind != "number" or not first.text.isdigit():
        return None
    start = at.place
    at.place += 1
    if second.kind == "number" and second.spaced and second.text.isdigit():
        slash, below = at.next(1), at.next(2)
        if slash and below and slash.text == "/" and below.kind == "number" and below.text.isdigit():
            at.place += 3
            return mixed_number(first, second.value, below.value)
    elif second.text == "frac":
        node = power(at)
        inner, unit = (node[1], node[2:]) if node[0] == "amount" else (node, ())
        if inner[0] == "/" and inner[1][0] == inner[2][0] == "num" and not inner[1][2] and not inner[2][2]:
            mixed = mixed_number(first, inner[1][1], inner[2][1])
            return ("amount", mixed, *unit) if mixed and unit else mixed
    at.place = start
    return None


def _begins_a_factor(at: Cursor, token: Token) -> bool:
    if token.kind == "letter":
        return True
    if token.kind == "number":
        before = at.tokens[at.place - 1]
        if before.kind == "letter" and not token.spaced:
            raise NotMathematics("a name with a number")  # x1, C2H6
        return before.kind != "number"
    if is_capitals(token) and not token.spaced:
        return True
    if token.kind == "word" or token.text in RELATIONS or token.text in _PARTING:
        return False
    if token.text == "|":
        return not at.bars
    if token.text == "(":
        ahead = at.next(1)
        return ahead is None or ahead.text != "mod"
    return token.text in ("(", "[", "{", "\\{") or (
        token.kind == "command" and not token.text.startswith("end ") and token.text not in (
            "cup", "cap", "setminus", "mid", "ldots", "mod", "pmod", "bmod", "}", "\\}", "rightarrow", "circ",
            "prime", "over", "choose", "rfloor", "rceil", "and", "or", "pm", "mp", "text", "qquad", "forall", "\\\\",
        )
    )  # fmt: skip


def power(at: Cursor) -> Node:
    """An atom with its powers, factorials and degree sign."""
    node = atom(at)
    while (token := at.next()) is not None and token.kind != "number":
        if token.text == "^":
            at.place += 1
            braced = at.next()
            if at.take("circ") or (braced and braced.text == "{" and _degree_in_braces(at)):
                node = ("amount", node, temperature(at), True)
                break
            exponent = signed_group(at)
            while at.take("^"):  # 2^3^2 is 2^9
                exponent = ("^", exponent, signed_group(at))
            node = powered(node, exponent)
        elif token.text == "circ":
            at.place += 1
            node = ("amount", node, temperature(at), True)
            break
        elif token.text == "!":
            at.place += 1
            if at.sees("!"):
                raise NotMathematics("a double factorial")
            node = ("!", node)
        else:
            break
    return node


def _degree_in_braces(at: Cursor) -> bool:
    ahead, close = at.next(1), at.next(2)
    if ahead and close and ahead.text == "circ" and close.text == "}":
        at.place += 3
        return True
    return False


def signed_group(at: Cursor) -> Node:
    """An exponent or the argument of a command: a group, or one token."""
    if at.take("{"):
        node = listed(at)
        at.must("}")
        return node
    if at.take("-"):
        return ("neg", signed_group(at))
    return atom(at)


def atom(at: Cursor) -> Node:
    """A number, a name, a bracket, or a command with its arguments."""
    token = at.next()
    if token is None:
        raise NotMathematics("it ends")
    at.depth += 1
    if at.depth > MAX_DEPTH:
        raise NotMathematics("too deep")
    at.place += 1
    node = _atom(at, token)
    at.depth -= 1
    return node


def _atom(at: Cursor, token: Token) -> Node:
    text = token.text
    if token.kind == "number":
        return ("num", token.value, token.digits)
    if text == "dollar" or text in MONEY_SIGNS:
        return _money(at, "dollar" if text == "dollar" else MONEY_SIGNS[text])
    if token.kind == "letter":
        return _name(at, text)
    if text in ("(", "[", "\\{"):
        return _bracketed(at, text)
    if text == "{":
        node = listed(at)
        at.must("}")
        return ("set", node[1]) if node[0] == "list" and node[2] == "," else node
    if text == "|":
        return _absolute(at)
    if token.kind == "command":
        return _command(at, text)
    if is_capitals(token):  # AB is a segment by itself, and a product in a formula
        return ("sym", text) if len(at.tokens) == 1 else ("*", tuple(("sym", letter) for letter in text))
    raise NotMathematics(text)


def _money(at: Cursor, phrase: str) -> Node:
    negative = at.take("-")
    node = power(at) if (mixed := _mixed(at)) is None else mixed
    if (scale := at.next()) is not None and scale.text in SCALE_LETTERS and not scale.spaced:
        at.place += 1
        node = multiplied(node, ("num", Fraction(SCALE_LETTERS[scale.text]), 0))
    scaled = with_unit(at, node)
    if scaled is not None and scaled[0] == "amount":
        raise NotMathematics("two units")
    node = scaled or node
    return ("amount", ("neg", node) if negative else node, phrase, True)


def _absolute(at: Cursor) -> Node:
    at.bars += 1
    node = added(at)
    at.bars -= 1
    at.must("|")
    return ("call", "abs", (node,))


def _name(at: Cursor, letter: str) -> Node:
    if letter == "e":
        return ("const", "e")
    if letter == "i":
        return ("const", "i")
    name = letter + at.subscript() + at.primes() + inverse(at, letter)
    if letter in "CP" and name == letter and (ways := counted(at, letter)):
        return ways
    if at.sees("(") and (letter in ALWAYS_CALLED or "'" in name or "^" in name or is_called(at, letter)):
        at.place += 1
        node = listed(at)
        at.must(")")
        return ("call", name, node[1] if node[0] == "list" else (node,))
    return ("sym", name)


def _bracketed(at: Cursor, opening: str) -> Node:
    at.bars, bars = 0, at.bars
    if opening == "\\{":
        if at.take("\\}"):
            at.bars = bars
            return ("empty",)
        at.bars = 1
        node = listed(at)
        at.bars = 0
        if at.take("mid", ":", "|"):
            condition = listed(at)
            at.must("\\}")
            at.bars = bars
            return ("builder", node, condition)
        at.must("\\}")
        at.bars = bars
        return ("set", node[1] if node[0] == "list" else (node,))
    node = listed(at)
    closing = at.must(")", "]").text
    at.bars = bars
    if node[0] == "list" and node[2] == ",":
        return ("seq", opening, closing, node[1])
    if opening == "[" and node[0] == "seq":
        return ("seq", "[", "]", (node,))
    if opening + closing not in ("()", "[]") or node[0] == "list":
        raise NotMathematics("brackets")
    return ("group", node)


def _command(at: Cursor, name: str) -> Node:
    if name in _CONSTANTS:
        return ("const", _CONSTANTS[name])
    if name == "frac":
        above, below = signed_group(at), signed_group(at)
        over_d = below[0] == "*" and below[1][0] == ("sym", "d")
        if over_d and (above == ("sym", "d") or (above[0] == "*" and above[1][0] == ("sym", "d"))):
            raise NotMathematics("a derivative")
        return ("/", above, below)
    if name == "sqrt":
        return _root(at)
    if name == "binom":
        return ("call", "binom", (signed_group(at), signed_group(at)))
    if name == "emptyset":
        return ("empty",)
    if name in ("mathbb", "reals"):
        return _numbers(at, name)
    if name in FUNCTIONS:
        return _function(at, name)
    if name in _WHOLE_NUMBERS:
        return _big(at, name)
    if name.startswith("begin "):
        return _matrix(at, name[6:])
    if name in GREEK:
        return ("sym", f"\\{name}" + at.subscript() + at.primes())
    if name in ("lfloor", "lceil"):
        node = added(at)
        at.must("r" + name[1:])
        return ("call", name[1:], (node,))
    if name == "ldots":
        return ("opaque", "...")
    if name in _OPAQUE:
        return ("opaque", f"{name} {at.raw()}")
    if name == "forall":
        return ("opaque", "forall " + "".join(token.text for token in at.rest()))
    raise NotMathematics(name)


def _root(at: Cursor) -> Node:
    index: Node | None = None
    if at.take("["):
        index = added(at)
        at.must("]")
    if at.sees("("):
        at.place += 1
        inside = added(at)
        at.must(")")
    else:
        inside = signed_group(at)
    return ("^", inside, ("/", ("num", Fraction(1), 0), index or ("num", Fraction(2), 0)))


def _numbers(at: Cursor, name: str) -> Node:
    which = "R" if name == "reals" else at.raw()
    suffix = ""
    if at.sees("^", "_"):
        at.place += 1
        suffix = "+" if at.raw_sign() == "+" else "other"
    if which not in ("R", "Z", "N", "Q", "C") or suffix == "other":
        raise NotMathematics(which)
    return ("all", which + suffix)


def _function(at: Cursor, name: str) -> Node:
    exponent: Node | None = None
    base: Node | None = None
    while at.sees("^", "_"):
        if at.take("^"):
            exponent = signed_group(at)
        else:
            at.must("_")
            base = signed_group(at)
    if at.sees("(") or at.sees("{"):
        opening = at.tokens[at.place].text
        at.place += 1
        node = listed(at)
        at.must(")" if opening == "(" else "}")
        arguments = node[1] if node[0] == "list" else (node,)
    else:
        arguments = (_argument(at),)
    if name == "log" and base is not None:
        arguments = (*arguments, base)
    elif base is not None:
        raise NotMathematics("subscript")
    if exponent is None:
        return ("call", name, arguments)
    if exponent == ("neg", ("num", Fraction(1), 0)) and "arc" + name in FUNCTIONS:
        return ("call", "arc" + name, arguments)
    return ("^", ("call", name, arguments), exponent)


def _argument(at: Cursor) -> Node:
    """The factors behind a function without brackets: up to a sign or another function."""
    node = power(at)
    while (token := at.next()) is not None and node[0] != "amount":
        glued = token.kind in ("number", "letter") or token.text in (*GREEK, "pi", "frac", "sqrt")
        if not glued or not _begins_a_factor(at, token):
            break
        node = multiplied(node, power(at))
    if at.sees("/") and node[0] in ("num", "sym", "const", "*"):
        after = at.next(1)
        if after is not None and after.kind == "number":  # \sin \pi/3
            at.place += 1
            node = ("/", node, power(at))
    return node


def _big(at: Cursor, name: str) -> Node:
    at.must("_")
    at.must("{")
    variable = atom(at)
    at.must("=")
    low = added(at)
    at.must("}")
    at.must("^")
    high = signed_group(at)
    body = product(at)
    if variable[0] not in ("sym", "const"):
        raise NotMathematics(name)
    return ("big", name, variable, low, high, body)


def _matrix(at: Cursor, kind: str) -> Node:
    if kind not in ("pmatrix", "bmatrix", "Bmatrix", "matrix", "smallmatrix", "array", "vmatrix", "cases"):
        raise NotMathematics(kind)
    rows: list[tuple[Node, ...]] = []
    row: list[Node] = []
    while not at.sees(f"end {kind}"):
        row.append(statement(at))
        if at.take("&"):
            continue
        rows.append(tuple(row))
        row = []
        if not at.take("\\\\", "\\"):
            break
    at.must(f"end {kind}")
    if not rows:
        raise NotMathematics(kind)
    return ("det" if kind == "vmatrix" else "matrix", tuple(rows))
