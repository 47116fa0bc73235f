-- A page's revision and tombstone in one generation. Returns: one row, or none when it was never applied.
SELECT revision, is_deleted
  FROM page_state
 WHERE generation = %(generation)s AND source_id = %(source_id)s AND path = %(path)s;
