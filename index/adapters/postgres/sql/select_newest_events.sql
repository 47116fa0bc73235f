-- The newest published event of each of some pages. What intake has parked makes no event. Returns: source name, path
-- and revision.
SELECT asked.source, asked.path, max(publication.revision)
  FROM unnest(%(sources)s::text[], %(paths)s::text[]) AS asked (source, path)
  JOIN source ON source.name = asked.source
  JOIN publication ON publication.source_id = source.source_id AND publication.path = asked.path
 WHERE publication.kind <> 'parked'
 GROUP BY asked.source, asked.path;
