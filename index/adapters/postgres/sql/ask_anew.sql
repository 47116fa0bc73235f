-- Have the next sync of their source publish some pages anew. Returns: source, path and ticket of each.
INSERT INTO asked (source_id, path)
SELECT source.source_id, wanted.path
  FROM unnest(%(sources)s::text[], %(paths)s::text[]) AS wanted (source, path)
  JOIN source ON source.name = wanted.source
 ORDER BY source.source_id, wanted.path
ON CONFLICT (source_id, path) DO UPDATE
   SET ticket = DEFAULT, asked_at = excluded.asked_at
RETURNING (SELECT name FROM source WHERE source.source_id = asked.source_id), path, ticket;
