-- The live generation; the newest commit of each source that is wholly searchable or parked in it, and how many of the
-- source's pages are parked now. %(sources)s null means every source.
-- Returns: a row per source, or one without a source where there is none; nothing while no generation is live.
SELECT live.generation, source_id, name, coalesce(published_commit, ''), committed_at, published_at,
       (SELECT count(DISTINCT parked.path) FROM parked
         WHERE parked.source_id = source.source_id AND parked.generation IN (0, live.generation)
           AND parked.dropped_at IS NULL
           AND NOT EXISTS (SELECT FROM page_state p
                            WHERE p.generation = live.generation AND p.source_id = parked.source_id
                              AND p.path = parked.path AND p.revision >= parked.revision
                              AND parked.generation <> 0)
           AND NOT EXISTS (SELECT FROM publication newer
                            WHERE newer.source_id = parked.source_id AND newer.path = parked.path
                              AND newer.revision > parked.revision))
  FROM generation live
  LEFT JOIN source ON %(sources)s::text[] IS NULL OR source.name = ANY(%(sources)s::text[])
 WHERE live.state = 'live'
 ORDER BY name;
