"""Forgetting a user: what the pipeline keeps of a person is removed, and does not come back when it is rebuilt."""
