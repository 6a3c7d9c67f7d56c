"""netsh: the shell around the stack: its language, its processes and its clock, its prompt and its views."""
