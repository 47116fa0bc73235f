-- Park pages at one revision. Idempotent.
INSERT INTO parked (generation, source_id, path, revision, reason)
SELECT %(generation)s, %(source_id)s, path, %(revision)s, reason
  FROM unnest(%(paths)s::text[], %(reasons)s::text[]) AS refused (path, reason)
ON CONFLICT (generation, source_id, path, revision) DO NOTHING;
