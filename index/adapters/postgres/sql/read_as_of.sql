-- The newest commit of each source that is wholly searchable or parked, and how many of its pages are parked now.
SELECT name, coalesce(published_commit, ''), committed_at, published_at,
       (SELECT count(DISTINCT parked.path) FROM parked
         WHERE parked.source_id = source.source_id AND parked.generation IN (0, %(generation)s)
           AND parked.dropped_at IS NULL
           AND NOT EXISTS (SELECT FROM page_state p
                            WHERE p.generation = %(generation)s AND p.source_id = parked.source_id
                              AND p.path = parked.path AND p.revision >= parked.revision
                              AND parked.generation <> 0)
           AND NOT EXISTS (SELECT FROM publication newer
                            WHERE newer.source_id = parked.source_id AND newer.path = parked.path
                              AND newer.revision > parked.revision))
  FROM source
 WHERE (%(source_ids)s::int[] IS NULL OR source_id = ANY(%(source_ids)s::int[]))
 ORDER BY name;
