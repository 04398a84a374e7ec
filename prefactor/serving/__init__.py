"""The served model: (user, prompt, candidate responses) -> ranked rewards with their uncertainty."""
