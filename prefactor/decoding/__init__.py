"""Personal generation: what makes a language model write for one user, and what its likelihoods tell of a user."""
