-- Make a generation the live one.
UPDATE generation
   SET promoted_at = CASE WHEN state = 'live' THEN promoted_at ELSE now() END, state = 'live', is_pinned = %(is_pinned)s
 WHERE generation = %(generation)s;
