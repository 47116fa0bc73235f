-- The newest publication of each page of a source; of the given paths, or of all when paths is null.
SELECT DISTINCT ON (path) path, revision, kind, fingerprint, blob, url, commit, committed_at, detected_at, moved_from,
       moved_to
  FROM publication
 WHERE source_id = (SELECT source_id FROM source WHERE name = %(source)s)
   AND (%(paths)s::text[] IS NULL OR path = ANY(%(paths)s::text[]))
 ORDER BY path, revision DESC;
