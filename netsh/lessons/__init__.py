"""Lessons: Markdown that is read at the prompt, in a browser and on a forge, and run as a test.

    form      what a lesson is made of           parse     Markdown becomes that
    checks    what a task asks of the lab        traffic   those that must send something to know
    aside     trying things without a trace      replay    a lesson run whole, as a test
"""
