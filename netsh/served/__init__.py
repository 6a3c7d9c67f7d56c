"""Labs that are served to other terminals: the server and its clients (the protocol: docs/served-lab.md)."""
