-- Whether a page was parked at a revision or later, in a generation or at intake. Returns: a row if it was.
SELECT 1 FROM parked JOIN source USING (source_id)
 WHERE source.name = %(source)s AND parked.path = %(path)s AND parked.generation IN (0, %(generation)s)
   AND parked.revision >= %(since)s
 LIMIT 1;
