-- Note what files say of themselves.
INSERT INTO claim (source_id, path, revision, blob, url, is_slug)
SELECT %(source_id)s, path, %(revision)s, blob, url, is_slug
  FROM unnest(%(paths)s::text[], %(blobs)s::text[], %(urls)s::text[], %(slugs)s::boolean[])
    AS said (path, blob, url, is_slug)
ON CONFLICT (source_id, path) DO UPDATE
   SET revision = excluded.revision, blob = excluded.blob, url = excluded.url, is_slug = excluded.is_slug;
