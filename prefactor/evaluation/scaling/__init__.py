"""Does choosing among more candidates help, and if not, why: the scaling law of Best-of-N and its diagnosis (TTP)."""
