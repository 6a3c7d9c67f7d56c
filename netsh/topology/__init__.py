"""Networks of routers by the hundred: their shapes, their numbers, and how they are put into a lab."""
