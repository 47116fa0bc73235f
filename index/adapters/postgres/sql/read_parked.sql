-- The pages parked now in one generation, intake's included, by source and path: parked rows that neither a newer
-- publication nor the page itself has passed. Returns: source, path, reason, revision, and whether it was dismissed.
SELECT DISTINCT ON (source.name, parked.path) source.name, parked.path, parked.reason, parked.revision,
       parked.dropped_at IS NOT NULL
  FROM parked JOIN source USING (source_id)
 WHERE parked.generation IN (0, %(generation)s)
   AND NOT EXISTS (SELECT FROM publication newer
                    WHERE newer.source_id = parked.source_id AND newer.path = parked.path
                      AND newer.revision > parked.revision)
   AND NOT EXISTS (SELECT FROM page_state p
                    WHERE p.generation = %(generation)s AND p.source_id = parked.source_id AND p.path = parked.path
                      AND p.revision >= parked.revision AND parked.generation <> 0)
 ORDER BY source.name, parked.path, parked.revision DESC, parked.generation;
