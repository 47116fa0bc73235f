-- Empty the claims of files that are gone or make no page; the row stays, so that a sync that dies leaves its trace.
INSERT INTO claim (source_id, path, revision, blob, url, is_slug)
SELECT %(source_id)s, path, %(revision)s, '', '', false FROM unnest(%(gone)s::text[]) AS gone (path)
ON CONFLICT (source_id, path) DO UPDATE
   SET revision = excluded.revision, blob = '', url = '', is_slug = false;
