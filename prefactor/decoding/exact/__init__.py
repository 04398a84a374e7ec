"""EXACT (Yu et al.): attributes in plain words, chosen for each pair and recalled by the nearest prompt.

Offline, ``greedy`` chooses attributes for pairs and ``memory`` keeps one subset per prompt of a user. Online,
``retrieval`` finds the user's nearest prompt and ``scorer`` predicts pairs with its subset. ``exhaustive``
checks what greedy selection finds.
"""
