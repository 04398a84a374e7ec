"""The online service: ranking, observing, asking, explaining and forgetting over HTTP."""
