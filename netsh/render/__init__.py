"""How rows become what a person or a program reads: BSD text, rich tables, or JSON.

What a command module may say about its rows, besides `show`:

    TABLES: dict[type, str] = {Route: "Routes"}    # rows of these types are drawn, under that title
    WORDS: dict[str, str] = {"up": "mark it up"}    # keywords and their help, for completion

Rows that come one after the other under the same title are drawn as one.  Rows of other types stream: in the
rich format, too, they are lines of text, printed at once.
"""
