"""The BSD commands, one module each: Args, parse, run (yields rows), show."""
