-- The pages parked now, by source and path: parked rows that no newer publication has passed.
SELECT DISTINCT ON (source.name, parked.path) source.name, parked.path, parked.reason, parked.revision
  FROM parked JOIN source USING (source_id)
 WHERE parked.generation IN (0, %(generation)s)
   AND parked.revision >= ALL (SELECT publication.revision FROM publication
                                WHERE publication.source_id = parked.source_id AND publication.path = parked.path)
 ORDER BY source.name, parked.path, parked.revision DESC, parked.generation;
