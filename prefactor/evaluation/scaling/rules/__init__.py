"""Selection rules: what to give a user, once a reward model has said how good candidates are and how sure it is of it.

Plain argmax gives the candidate of the greatest reward. A rule turns means, standard deviations, training seeds and
other models' rewards into other scores, by at most one parameter; what it gains is what the best of N by those scores
gains. ``search.compare_rules`` chooses each rule's parameter on some users and judges it on others.
"""
