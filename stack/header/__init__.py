"""Headers as values: one file a protocol, each parses, packs and prints; behaviour is elsewhere."""
