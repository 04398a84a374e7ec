"""A look at preference data before anything is built on it: its figures, and what the pipeline would make of a file."""
