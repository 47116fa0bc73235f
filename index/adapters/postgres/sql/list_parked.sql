-- Every parking that neither a newer publication nor its page has passed, in every generation that is there.
-- Returns: source, path, revision, reason, generation (0: intake), since when, and whether it was dismissed.
SELECT source.name, parked.path, parked.revision, parked.reason, parked.generation, parked.parked_at,
       parked.dropped_at IS NOT NULL
  FROM parked JOIN source USING (source_id)
 WHERE (parked.generation = 0 OR EXISTS (SELECT FROM generation
                                          WHERE generation.generation = parked.generation AND state <> 'retired'))
   AND NOT EXISTS (SELECT FROM publication newer
                    WHERE newer.source_id = parked.source_id AND newer.path = parked.path
                      AND newer.revision > parked.revision)
   AND NOT EXISTS (SELECT FROM page_state p
                    WHERE p.generation = parked.generation AND p.source_id = parked.source_id
                      AND p.path = parked.path AND p.revision >= parked.revision)
 ORDER BY source.name, parked.path, parked.generation;
