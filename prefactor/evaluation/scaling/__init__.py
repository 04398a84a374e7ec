"""Does choosing among more candidates help, and if not, why: the scaling law of Best-of-N and its diagnosis (TTP).

Shapes throughout:

U users, Q queries, S sets (what one user could be given for one query), M candidates of a set, R training seeds
N candidates drawn, J such sizes
B weighings of users, I items left out, F figures of a set, C columns of users, W of one kind
K cells of correlations, G groups of set sizes, Z places of the grid of true correlations
"""
