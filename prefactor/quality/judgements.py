"""What each user judged: how many pairs, and how often the longer response, or the first by its id, was chosen."""

# ``prefix`` is that of the views' names: those of a previous version have one. Lengths are joined, not the texts.
JUDGEMENTS_OF = """SELECT u.user_id, count(p.pair_id) AS pairs,
       avg(CASE WHEN c.length > r.length THEN 1.0
                WHEN c.length < r.length THEN 0.0
                WHEN c.length = r.length THEN 0.5 END::DOUBLE) AS chosen_longer,
       avg((p.chosen < p.rejected)::INT) AS chosen_first
FROM {prefix}users u
LEFT JOIN {prefix}pairs p ON p.user_id = u.user_id
LEFT JOIN (SELECT text_id, length(response) AS length FROM {prefix}texts) c ON c.text_id = p.chosen
LEFT JOIN (SELECT text_id, length(response) AS length FROM {prefix}texts) r ON r.text_id = p.rejected
GROUP BY u.user_id
ORDER BY u.user_id"""
JUDGEMENTS = JUDGEMENTS_OF.format(prefix="")
