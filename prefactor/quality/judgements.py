"""What each user judged: how many pairs, and how often the longer response, or the first by its id, was chosen."""

JUDGEMENTS = """SELECT u.user_id, count(p.pair_id) AS pairs,
       avg(CASE WHEN length(c.response) > length(r.response) THEN 1.0
                WHEN length(c.response) < length(r.response) THEN 0.0
                WHEN length(c.response) = length(r.response) THEN 0.5 END::DOUBLE) AS chosen_longer,
       avg((p.chosen < p.rejected)::INT) AS chosen_first
FROM users u
LEFT JOIN pairs p ON p.user_id = u.user_id
LEFT JOIN texts c ON c.text_id = p.chosen
LEFT JOIN texts r ON r.text_id = p.rejected
GROUP BY u.user_id
ORDER BY u.user_id"""
