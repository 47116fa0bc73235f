-- The pages parked now, by source and path: parked rows that no newer publication has passed.
SELECT DISTINCT ON (source.name, parked.path) source.name, parked.path, parked.reason, parked.revision
  FROM parked JOIN source USING (source_id)
 WHERE parked.generation IN (0, %(generation)s)
   AND NOT EXISTS (SELECT FROM publication newer
                    WHERE newer.source_id = parked.source_id AND newer.path = parked.path
                      AND newer.revision > parked.revision)
 ORDER BY source.name, parked.path, parked.revision DESC, parked.generation;
