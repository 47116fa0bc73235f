-- The last turns of a conversation that are not too old.
-- Returns: question and answer, newest first. Locks nothing.
SELECT question, answer
  FROM turn
 WHERE conversation = %(conversation)s AND asked_at > now() - %(age)s::interval
 ORDER BY turn_id DESC
 LIMIT %(turns)s;
