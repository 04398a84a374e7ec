"""Who says which response fits a user better: the gold utility where the truth is known, elsewhere a judge model."""
