-- Take the parkings of some pages out of sight. Returns: source and path of each.
UPDATE parked SET dropped_at = now()
  FROM source, unnest(%(sources)s::text[], %(paths)s::text[]) AS asked (source, path)
 WHERE source.source_id = parked.source_id AND source.name = asked.source AND parked.path = asked.path
   AND parked.dropped_at IS NULL
RETURNING source.name, parked.path;
