"""Online users: their pairs and posteriors in a database, and what is known of whoever asks."""
