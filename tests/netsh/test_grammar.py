"""The language of a line: what it means, and how nonsense is answered."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh import arithmetic
from netsh.grammar import GrammarError, parse
from netsh.syntax import (
    Assign,
    Chain,
    Compound,
    Define,
    For,
    Group,
    If,
    Leave,
    Link,
    Node,
    Not,
    On,
    Pipeline,
    Script,
    Statement,
    While,
)  # fmt: skip
from netsh.words import ExpansionError, Scope, expand, expand_all


def outline(text: str) -> list[object]:
    """A text's tree as nested lists: words as they were typed."""
    return of_script(parse(text))


def of_script(script: Script) -> list[object]:
    return [of_statement(statement) for statement in script]


def of_statement(statement: Statement) -> object:
    marks = ("-" if statement.tolerant else "") + ("&" if statement.background else "")
    links = statement.node.links
    if len(links) == 1 and isinstance(links[0][1], Compound | Define):
        return of_link(links[0][1], marks)
    return [marks, *of_chain(statement.node)] if marks else of_chain(statement.node)


def of_chain(chain: Chain) -> list[object]:
    found: list[object] = []
    for operator, link in chain.links:
        found.extend([operator] if operator else [])
        found.append(of_link(link))
    return found


def of_link(link: Link, marks: str = "") -> object:
    match link:
        case Assign():
            return " ".join(f"{name}=" for name, _ in link.pairs)
        case Leave():
            return f"<{link.kind}{' ' + link.status.source if link.status is not None else ''}>"
        case Not():
            return ["!", of_link(link.inner)]
        case Define():
            return [f"{link.name}()", of_script(link.body)]
        case Compound():
            tail = behind(link)
            return [marks + type(link.node).__name__.lower(), *of_node(link.node), *([tail] if tail else [])]
        case Pipeline():
            return " ".join(word.source for word in link.words) + behind(link)


def of_node(node: Node) -> list[object]:
    match node:
        case On():
            return [node.host.source, of_script(node.body)]
        case For():
            return [node.name, [word.source for word in node.items], of_script(node.body)]
        case While():
            return [of_chain(node.condition), of_script(node.body)]
        case If():
            return [[None if asked is None else of_chain(asked), of_script(body)] for asked, body in node.arms]
        case Group():
            return [of_script(node.body)]


def behind(link: Pipeline | Compound) -> str:
    text = "".join(" | " + " ".join(word.source for word in words) for words in link.filters)
    return text + "".join(f" {redirect.operator}{redirect.target.source}" for redirect in link.redirects)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", []),
        ("\n\n  # nothing\n", []),
        ("ping -c 3 www", [["ping -c 3 www"]]),
        ("a; b\nc", [["a"], ["b"], ["c"]]),
        ("a && b || c", [["a", "&&", "b", "||", "c"]]),
        ("a &&\n b |\n head", [["a", "&&", "b | head"]]),
        ("a & b &", [["&", "a"], ["&", "b"]]),
        ("a | grep x | head -3 > f", [["a | grep x | head -3 >f"]]),
        ("a < in >> out", [["a <in >>out"]]),
        ("nc -l 80<in", [["nc -l 80 <in"]]),
        ("-a", [["-", "a"]]),
        ("- a && b", [["-", "a", "&&", "b"]]),
        ("-a; b\nc; -d", [["-", "a"], ["-", "b"], ["c"], ["-", "d"]]),
        ("a#b #c", [["a#b"]]),
        ("a '#' \"#\" # c", [["a '#' \"#\""]]),
        ("a \\\n b", [["a b"]]),
        ("x=1", [["x="]]),
        ("x=1 y='2 3'; z=", [["x= y="], ["z="]]),
        ("x=1 && a", [["x=", "&&", "a"]]),
        ("sysctl -w a.b=1", [["sysctl -w a.b=1"]]),
        ("for x in a b { p $x }", [["for", "x", ["a", "b"], [["p $x"]]]]),
        ("for i in 1..3\n{\n  a; b\n}\nc", [["for", "i", ["1..3"], [["a"], ["b"]]], ["c"]]),
        ("-for x in { } &", [["-&for", "x", [], []]]),
        ("for x in a { for y in b { p } }; q", [["for", "x", ["a"], [["for", "y", ["b"], [["p"]]]]], ["q"]]),
        ("for x in a { p } | grep b | wc > f", [["for", "x", ["a"], [["p"]], " | grep b | wc >f"]]),
        ("while a && b { c }", [["while", ["a", "&&", "b"], [["c"]]]]),
        ("if a { b }", [["if", [["a"], [["b"]]]]]),
        (
            "if a | grep x > f { b } elif ! c { d }\n\n else { e; f }\ng",
            [["if", [["a | grep x >f"], [["b"]]], [[["!", "c"]], [["d"]]], [None, [["e"], ["f"]]]], ["g"]],
        ),
        ("{ a; b } && c || { d } | wc", [[["group", [["a"], ["b"]]], "&&", "c", "||", ["group", [["d"]], " | wc"]]]),
        ("h { a; b } | wc > f; c", [["on", "h", [["a"], ["b"]], " | wc >f"], ["c"]]),
        ("h {\n a\n k { b }\n} && $x { }", [[["on", "h", [["a"], ["on", "k", [["b"]]]]], "&&", ["on", "$x", []]]]),
        ("-h { a } &\n! h { a }", [["-&on", "h", [["a"]]], [["!", ["on", "h", [["a"]]]]]]),
        ("if h { a }", [["if", [["h"], [["a"]]]]]),
        ("while ! h { k { b } }", [["while", [["!", "h"]], [["on", "k", [["b"]]]]]]),
        ("if { h { a } } { b }", [["if", [[["group", [["on", "h", [["a"]]]]]], [["b"]]]]]),
        ("f() { a $1 }; f x", [["f()", [["a $1"]]], ["f x"]]),
        ("f ()\n{\na; return\n}", [["f()", [["a"], ["<return>"]]]]),
        ("return 3; return $x && a", [["<return 3>"], ["<return $x>", "&&", "a"]]),
        ("while a { break; continue }", [["while", ["a"], [["<break>"], ["<continue>"]]]]),
        ("while a { if b { break } }", [["while", ["a"], [["if", [["b"], [["<break>"]]]]]]]),
        ("break; continue", [["break"], ["continue"]]),
        (
            "for x in a { break $x tcp_input; b && break }",
            [["for", "x", ["a"], [["break $x tcp_input"], ["b", "&&", "<break>"]]]],
        ),
        ("for x in a { f() { break } }", [["for", "x", ["a"], [["f()", [["break"]]]]]]),
        ("! a; a ! b", [[["!", "a"]], ["a ! b"]]),
        ("a $(b; c) \"$(d \"e f\" ')')\"", [["a $(b; c) \"$(d \"e f\" ')')\""]]),
        ("ping if; for while in for { p }", [["ping if"], ["for", "while", ["for"], [["p"]]]]),
        ("tcpdump 'tcp and port 80' | !less -S", [["tcpdump 'tcp and port 80' | !less -S"]]),
    ],
)
def test_tree(text: str, tree: list[object]) -> None:
    assert outline(text) == tree


@pytest.mark.parametrize(
    ("text", "line", "column", "words", "incomplete"),
    [
        ("echo 'a", 1, 6, "quote ' is not closed", True),
        ('a\n  "b', 2, 3, 'quote " is not closed', True),
        ("a \\", 1, 3, "nothing follows the \\", True),
        ("a |", 1, 4, "a command is expected, not the end", True),
        ("a &&", 1, 5, "a command is expected, not the end", True),
        ("| a", 1, 1, "a command is expected, not |", False),
        ("a ;; b", 1, 4, "a command is expected, not ;", False),
        ("a & ; b", 1, 5, "a command is expected, not ;", False),
        ("a >", 1, 4, "after >, a file's name is expected", True),
        ("a > f g", 1, 7, "g: words stand before >", False),
        ("a > f > g", 1, 7, "> a second time", False),
        ("a < f <<< g", 1, 7, "<<< a second time", False),
        ("a <<<", 1, 6, "after <<<, a word", True),
        ("a | wc <<< b", 1, 8, "<<< belongs to the command", False),
        ("a > f | b", 1, 7, "> stands behind the last filter", False),
        ("a | b < f", 1, 7, "< belongs to the command", False),
        ("a 2> f", 1, 3, "2>: only the output proper", False),
        ("x=1 ping", 1, 5, "ping: after x=, a ; or a new line is missing", False),
        ("x=1 | a", 1, 5, "after an assignment", False),
        ("}", 1, 1, "a command is expected, not }", False),
        ("while", 1, 6, "a command is expected, not the end", True),
        ("while a", 1, 8, "after the command of while, { is expected, not the end", True),
        ("while a; b {", 1, 8, "after the command of while, { is expected, not ;", False),
        ("while a { b", 1, 1, "the { of this while is not closed", True),
        ("if a then", 1, 10, "after the command of if, { is expected", True),
        ("if a { b } else c", 1, 17, "after else, { is expected, not c", False),
        ("if a { b } else { c", 1, 12, "the { of this else is not closed", True),
        ("if a { b } elif { c }", 1, 22, "after the command of elif, { is expected, not the end", True),
        ("else { a }", 1, 1, "else stands behind the } of an if", False),
        ("{ a", 1, 1, "the { is not closed", True),
        ("f() a", 1, 5, "after f(), { is expected, not a", False),
        ("f() {", 1, 1, "the { of this f() is not closed", True),
        ("if() { a }", 1, 1, "if: no name for a function", False),
        ("1a() { b }", 1, 1, "1a: no name for a function", False),
        ("! x=1", 1, 1, "! is for commands", False),
        ("{ a } < f", 1, 7, "< belongs to a command", False),
        ("return 1 2", 1, 10, "a ; or a new line is expected, not 2", False),
        ("a $(b", 1, 3, "$( is not closed by )", True),
        ("a x$(b |)", 1, 3, "$(b |): a command is expected, not the end", False),
        ("a $( " + "(" * 30, 1, 25, "too many ( in one another", False),
        ("{ " * 40, 1, 61, "too deep", False),
        ("a b {", 1, 5, "a ; or a new line is expected, not {", False),
        ("x=1 {", 1, 5, "a ; or a new line is expected, not {", False),
        ("a {", 1, 1, "the { of this a is not closed", True),
        ("a\n b {\n c { d }", 2, 2, "the { of this b is not closed", True),
        ("a { b } c", 1, 9, "a ; or a new line is expected, not c", False),
        ("a { b } < f", 1, 9, "< belongs to a command", False),
        ("for", 1, 4, "after for, a name", True),
        ("for 1 in a {}", 1, 5, "after for, a name", False),
        ("for x a {}", 1, 7, "after for x, in", False),
        ("for x in a\nb", 2, 1, "after the words of for, {", False),
        ("for x in a { b", 1, 1, "the { of this for is not closed", True),
        ("for x in a { b } c", 1, 18, "a ; or a new line", False),
        ("a `b`", 1, 3, "` is not in the language", False),
        ("a IP(b", 1, 5, "the parenthesis ( is not closed", True),
        ("a IP(b\n)", 1, 5, "the parenthesis ( is not closed", False),
        ("a IP('b", 1, 6, "the quote ' is not closed", True),
        ("a IP(b)/'c", 1, 9, "the quote ' is not closed", True),
        ("a ${b", 1, 3, "${ is not followed by NAME}", True),
        ("a ${-}", 1, 3, "${ is not followed by NAME}", False),
        ("a $((1+", 1, 3, "$(( is not closed", True),
        ("for x in a { " * 40, 1, 391, "too deep", False),
    ],
)
def test_nonsense(text: str, line: int, column: int, words: str, incomplete: bool) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(text)
    error = caught.value
    assert words in str(error)
    assert (error.line, error.column, error.incomplete) == (line, column, incomplete)


def test_lines_and_sources_are_known() -> None:
    first, second = parse("a\n\nb  -c  'd' &  # later\n")
    assert (first.line, second.line) == (1, 3)
    assert second.source == "b  -c  'd'"


SCOPE = Scope(["one", "two words"], {"x": "1", "s": "a  b", "e": "", "sp": " m n ", "hosts": "me gw www"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]),
        ("'' \"\" a''", ["", "", "a"]),
        ("'$x' \"$x\" $x \\$x", ["$x", "1", "1", "$x"]),
        ('"a\\"b" "a\\\\b" "a\\nb" "\\$x"', ['a"b', "a\\b", "a\\nb", "$x"]),
        ("$s \"$s\" '$s'", ["a", "b", "a  b", "$s"]),
        ("p$s-q", ["pa", "b-q"]),
        ("p${sp}q", ["p", "m", "n", "q"]),
        ('p$sp""', ["p", "m", "n", ""]),
        ('$e "$e" x$e', ["", "x"]),
        ("${x}2 $x.2", ["12", "1.2"]),
        ('$1 "$2" $2 $#', ["one", "two words", "two", "words", "2"]),
        ('"$@" $@ "$*"', ["one", "two words", "one", "two", "words", "one two words"]),
        ("${3:-three} ${e:-empty} ${x:-no} ${none:-}", ["three", "empty", "1"]),
        ("$? $ $- 5$", ["0", "$", "$-", "5$"]),
        ("$((1 + 2 * 3)) $(((1 + 2) * 3)) r$(($x + 1)) r$((x + 1))", ["7", "9", "r2", "r2"]),
        ("'a'\"b\"c", ["abc"]),
        ("IP(dst=\"a b\", t=(1, 2))/TCP()  c", ['IP(dst="a b", t=(1, 2))/TCP()', "c"]),
        ("IP() / 'a $x' / b\"$x\" (c) ", ["IP() / 'a $x' / b\"1\"", "(c)"]),
        ("A(x='|;&>#()', y=\"$x)\", z=$x) B(')')", ["A(x='|;&>#()', y=\"1)\", z=1)", "B(')')"]),
        ("A(b('c\\'d'))", ["A(b('c\\'d'))"]),
        ("not(a or b)x f()", ["not(a or b)x", "f()"]),
        ("* ? [a] ~ !", ["*", "?", "[a]", "~", "!"]),
    ],
)
def test_expansion(text: str, words: list[str]) -> None:
    statement = parse("w " + text)[0]
    pipeline = statement.node.links[0][1]
    assert isinstance(pipeline, Pipeline)
    assert expand_all(pipeline.words[1:], SCOPE) == words


def test_all_arguments_of_none_are_no_word() -> None:
    node = parse('w "$@" $@ a')[0].node
    pipeline = node.links[0][1]
    assert isinstance(pipeline, Pipeline)
    assert [expand(word, Scope()) for word in pipeline.words] == [["w"], [], [], ["a"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$nope", "$nope: not set; set it with nope=value"),
        ("$3", "$3: not set; the script was given too few arguments"),
        ("$((1 / 0))", "$((1 / 0)): division by 0"),
        ("$((1 +))", "a number is missing"),
        ("$((hosts + 1))", "hosts: not a number"),
        ("$((1 2))", "2: not expected here"),
        ("$((1 . 2))", ".: not part of a sum"),
        ("$((" + "(" * 200 + "1" + ")" * 200 + "))", "too deep"),
        ("$((9999999999 * 9999999999))", "too large"),
    ],
)
def test_expansion_fails_in_words(text: str, words: str) -> None:
    node = parse("w " + text)[0].node
    pipeline = node.links[0][1]
    assert isinstance(pipeline, Pipeline)
    with pytest.raises(ExpansionError) as caught:
        expand_all(pipeline.words, SCOPE)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 / 2", 3), ("-7 / 2", -3), ("-7 % 3", -1), ("7 % -3", 1), ("2 - 3 - 4", -5), ("0x10", 16),
        ("3 < 4", 1), ("3 <= 2", 0), ("3 > 2 && 2 > 3", 0), ("0 || 5", 1), ("!5 == 0", 1), ("1 + 1 != 3 * 1", 1),
        ("1 << 4 | 1", 17), ("6 & 3 ^ 1", 3), ("- - 2", 2), ("a", 5), ("a * (a - 1)", 20),
    ],
)  # fmt: skip
def test_sums(text: str, value: int) -> None:
    assert arithmetic.evaluate(text, {"a": "5"}) == value


LANGUAGE = st.text(alphabet="ab x1$'\"\\{}();&|<>#=-+\n`.?@", max_size=40)


def trouble(text: str) -> GrammarError | None:
    """What is wrong with a text."""
    try:
        parse(text)
    except GrammarError as error:
        return error
    return None


@given(st.one_of(LANGUAGE, st.text(max_size=40)))
def test_any_text_is_a_tree_or_a_clean_error(text: str) -> None:
    error = trouble(text)
    if error is not None:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert "\n" not in str(error)


@given(LANGUAGE)
def test_any_tree_expands_or_says_why(text: str) -> None:
    for statement in parse(text) if trouble(text) is None else ():
        for _, link in statement.node.links:
            if isinstance(link, Pipeline):
                with suppress(ExpansionError):
                    expand_all(link.words, SCOPE)


@given(st.lists(st.text(max_size=8), max_size=5))
def test_single_quotes_keep_everything(words: list[str]) -> None:
    line = "w " + " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    node = parse(line)[0].node
    pipeline = node.links[0][1]
    assert isinstance(pipeline, Pipeline)
    assert expand_all(pipeline.words[1:], SCOPE) == words


@given(st.text(alphabet="0123456789+-*/%()<>&|^!= ax", max_size=30))
def test_any_sum_is_a_number_or_a_clean_error(text: str) -> None:
    try:
        value = arithmetic.evaluate(text, {"a": "7"})
    except ValueError:
        return
    assert isinstance(value, int)
