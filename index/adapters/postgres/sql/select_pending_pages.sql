-- Those of some pages, each with a revision, that some receiving generation has neither brought to the revision nor
-- parked at it or later. Returns: source name and path.
SELECT asked.source, asked.path
  FROM unnest(%(sources)s::text[], %(paths)s::text[], %(revisions)s::bigint[]) AS asked (source, path, revision)
  JOIN source ON source.name = asked.source
 WHERE EXISTS (
       SELECT FROM generation
         LEFT JOIN page_state ON page_state.generation = generation.generation
               AND page_state.source_id = source.source_id AND page_state.path = asked.path
        WHERE generation.state <> 'retired'
          AND coalesce(page_state.revision, 0) < asked.revision
          AND NOT EXISTS (SELECT FROM parked
                           WHERE parked.source_id = source.source_id AND parked.path = asked.path
                             AND parked.generation IN (0, generation.generation)
                             AND parked.revision >= asked.revision));
