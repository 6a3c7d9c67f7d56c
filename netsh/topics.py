"""The words of the language, a page of help each: `help for` (sh(1), "Shell Grammar")."""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """The forms of a word of the language, and its page as netsh.helptext reads it."""

    synopsis: str
    page: str

    @property
    def summary(self) -> str:
        """The first sentence, without its full stop."""
        return self.page.partition("\n")[0].removesuffix(".")


TOPICS = {
    "for": Topic(
        "for name in word ... { lines }",
        """\
Do it for each of some words.

1..250 is all numbers from 1 to 250, 3..1 goes down.  `break` alone leaves the loop, `continue` goes on with the next
word.  The { may stand on a line of its own, and the lines go on until the }.

Examples:

    for x in me gw www { ping -c 1 -q $x }
    for i in 1..3 { echo $i }
    for i in 1..9 { if [ $i -eq 3 ] { break }; echo $i }

See sh(1); while, variables.""",
    ),
    "while": Topic(
        "while command { lines }",
        """\
Do it again as long as a command succeeds.

`break` alone leaves the loop, `continue` asks the command anew.  Ctrl-C ends it, too.

Examples:

    i=0; while [ $i -lt 3 ] { echo $i; i=$((i + 1)) }
    while ! ping -c 1 -q www { sleep 1 }
    while true { echo once; break }

See sh(1); for, if, test.""",
    ),
    "if": Topic(
        "if command { lines } [elif command { lines }] ... [else { lines }]",
        """\
Do it if a command succeeds.

What counts is its status: 0 is yes.  `!` before it turns it around; `test` and [ ] compare words and numbers.

Examples:

    if ping -c 1 -q www { echo there } else { echo not there }
    n=2; if [ $n -eq 1 ] { echo one } elif [ $n -eq 2 ] { echo two } else { echo more }
    if ! netstat -rn | grep -q default { echo no default route }

See sh(1); test, while, lists.""",
    ),
    "functions": Topic(
        "name() { lines }",
        """\
A name for some lines: a command of your own.

$1 $2 ... are the words behind its name, $# how many there are, $@ all of them; `shift` drops the first.  Its status
is that of its last command, or what `return` says.

Examples:

    reach() { ping -q -c 1 $1 | grep -q ' 0.0% packet loss' }
    reach www && echo yes
    count() { for word in $@ { echo $word } }; count a b c

See sh(1); return, shift, alias.""",
    ),
    "return": Topic(
        "return [status]",
        """\
Leave a function or a script.

Its status is then that number, or that of the last command.

Examples:

    known() { if [ -z "$1" ] { return 1 }; echo $1 }
    known || echo nothing is given
    two() { return 2 }; two || echo $?

See sh(1); functions, exit.""",
    ),
    "continue": Topic(
        "continue",
        """\
Go on with the next turn of a loop; `break` leaves it.

Both stand alone, in the body of a for or a while.

Examples:

    for i in 1..5 { if [ $i -eq 3 ] { continue }; echo $i }
    for x in me gw www { if [ $x = gw ] { continue }; ping -c 1 -q $x }
    i=0; while true { i=$((i + 1)); if [ $i -lt 3 ] { continue }; break }

See sh(1); for, while.""",
    ),
    "lists": Topic(
        "command ; command\ncommand && command\ncommand || command\n! command\n{ lines }",
        """\
Several commands in a line.

Behind && it is run if the one before succeeded, behind || if it failed, behind ; whatever it did.  `!` makes a success
of a failure.  What stands in { } is one command, whose output can be filtered whole.  In a script the first line that
fails is the last, unless it begins with `-`.

Examples:

    ping -c 1 -q www && echo there || echo not there
    { echo b; echo a } | sort
    ! false; echo $?

See sh(1); blocks, if, functions.""",
    ),
    "blocks": Topic(
        "host { lines }",
        """\
Run lines on a host.

All in the { } runs there, the functions that are called with it, and what is inside a { } of its own on that host.
The prompt stays where it is.  As any { } it has the status of its last command, and | > and & behind it are for all
that it says and does.

Examples:

    gw { hostname; netstat -rn }
    for h in me gw www { $h { hostname; netstat -i } } > interfaces
    gw { hostname; www { hostname }; hostname }
    gw { ping -c 2 -q www; ping -c 2 -q me } | grep loss
    www { ping -c 3 -q gw; echo done } &

See sh(1); lists, host, for, functions.""",
    ),
    "variables": Topic(
        "name=value\n$name  ${name}  ${name:-default}\n$(command)  $((sum))",
        """\
Names for words, and what is put in their place.

$? is the status of the last command, $1 $2 ... the words given to a script or a function, $# their number, $@ all of
them.  $(command) is what a command says, $((1 + n)) a sum of whole numbers.  'single' quotes keep all as it is, in
"double" ones $ goes on working and blanks divide no words.

Examples:

    x=www; ping -c 1 $x
    echo "${who:-nobody} is on $(hostname)"
    n=$((6 * 7)); echo $n $?

See sh(1); for, functions.""",
    ),
    "redirections": Topic(
        "command > file\ncommand >> file\ncommand < file\ncommand <<< word",
        """\
Where a command's input comes from, and where its output goes.

> writes a file anew, >> goes on at its end, < reads one, and <<< is that word as a line of input.  Files are those
of the machine; /dev/null is nowhere.

Examples:

    netstat -rn > routes
    echo ' end' >> routes
    gw nc -l 9000 > received &
    nc gw 9000 < routes
    gw nc -l 9000 & nc gw 9000 <<< hello

See sh(1); filters.""",
    ),
    "filters": Topic(
        "command | filter [| filter ...]",
        """\
What a command says is read by another.

The filters are grep, head, tail, wc and sort; json, csv and text say in which form rows come; !program is one of
the machine's.  `help grep` and the like say more.

In fast time the lab stands still while a command waits for a program; if that does nothing at all for two seconds, it
may wait for something of the lab's, and time goes on.

Examples:

    netstat -s | grep -v ' 0 ' | head
    ps -a | wc -l
    route show | json

See sh(1); grep, head, tail, wc, sort, json, csv, text, programs, redirections.""",
    ),
    "grep": Topic(
        "grep [-cEFinqvwx] [-e] pattern",
        """\
Lines in which a pattern is found.

    -v  those in which it is not   -i  in small letters or capitals   -c  how many   -n  with their numbers
    -q  nothing: the status says   -w  as a word   -x  as the whole line
    -E  an extended pattern        -F  a text, no pattern             -e  one of several patterns

Examples:

    netstat -s | grep 'packets received'
    ifconfig -a | grep -c inet
    route show | grep -E '^(default|10)'
    ping -c 1 www | grep -q ttl= && echo there

See grep(1), re_format(7); filters.""",
    ),
    "head": Topic(
        "head [-n count | -c bytes]",
        """\
The first lines: 10, or so many; or the first bytes.

What stands before it is ended when there are enough.

Examples:

    sysctl -a | head
    sysctl -a | head -n 3
    ping www | head -2

See head(1); tail, filters.""",
    ),
    "tail": Topic(
        "tail [-n count | -n +first]",
        """\
The last lines: 10, or so many, or from the first that is wanted on.

Examples:

    ping -c 2 www | tail -2
    sysctl -a | tail
    ps | tail -n +2      # without the heading

See tail(1); head, filters.""",
    ),
    "wc": Topic(
        "wc [-clw]",
        """\
How many lines, words and bytes.

    -l  lines alone   -w  words   -c  bytes

Examples:

    sysctl -a | wc -l
    fetch -q -o - http://www/ | wc
    ps -a | tail -n +2 | wc -l

See wc(1); filters.""",
    ),
    "sort": Topic(
        "sort [-nru] [-k field]",
        """\
Lines in order.

    -n  by numbers   -r  the greatest first   -u  each once   -k  from that word on

Examples:

    sysctl -a | sort -r | head -3
    ps -a | sort -n -k 2
    for x in b a b { echo $x } | sort -u

See sort(1); filters.""",
    ),
    "json": Topic(
        "json",
        """\
Rows as JSON: an object each, a line each.

It stands first behind a command.

Examples:

    route show | json
    ping -c 1 www | json
    netstat -i | json | grep shmif0

See csv, text, filters.""",
    ),
    "csv": Topic(
        "csv",
        """\
Rows as CSV: their fields with commas between, names first.

It stands first behind a command.

Examples:

    route show | csv
    ping -c 3 www | csv > times.csv
    netstat -i | csv

See RFC 4180; json, text, filters.""",
    ),
    "text": Topic(
        "text",
        """\
Rows as BSD prints them, where they would be drawn or written as JSON.

It stands first behind a command.

Examples:

    route show | text
    netstat -rn | text
    ifconfig -a | text | grep inet

See json, csv, filters.""",
    ),
    "programs": Topic(
        "command | !program [word ...]",
        """\
A program of the machine reads what a command says.

Its output goes to the next filter, or to where ours goes.  The program has nothing to do with the lab: 'help python'
tells how one that has is run.

Examples:

    netstat -s | !cat
    netstat -rn | !awk '{ print $1 }' | sort
    tcpdump -c 10 -w - | !wireshark -k -i -

See sh(1); filters, python.""",
    ),
    "background": Topic(
        "command &",
        """\
A line with & at its end is a job: it goes on while other lines run.

`jobs` lists them, `fg` waits for one, `kill %1` ends one, `wait` waits for all.  Ctrl-Z stops the command that has
the prompt, `bg` lets it go on behind it.

Examples:

    ping -c 3 www &
    jobs
    { sleep 1; echo done } &
    wait

See sh(1); jobs, fg, bg, wait, kill.""",
    ),
    "comments": Topic(
        "# words",
        """\
From # to the end of the line nothing is read.

The # stands at the beginning of a word.

Examples:

    # a line of its own
    ping -c 1 www    # or behind a command
    echo 'a # in quotes is none'

See sh(1).""",
    ),
}

_OTHER_NAMES = {
    "elif": "if", "else": "if", "in": "for", "..": "for", "{": "blocks", "}": "blocks", ";": "lists", "&&": "lists",
    "||": "lists", "&": "background", "|": "filters", ">": "redirections", ">>": "redirections", "<": "redirections",
    "<<<": "redirections", "$": "variables", "!": "programs", "#": "comments", "()": "functions",
    "function": "functions", "quotes": "variables", "'": "variables", '"': "variables", "/dev/null": "redirections",
}  # fmt: skip


def topic_of(word: str) -> str | None:
    """The page that tells of a word or a sign; None when there is none."""
    name = _OTHER_NAMES.get(word, "programs" if word[:1] == "!" else "variables" if word[:1] == "$" else word)
    return name if name in TOPICS else None
