"""The only part of the stack that does real input and output."""
