-- Move the page from revision based_on to revision in one generation, locking its row until commit.
-- Returns: one row when claimed; none when another writer got there first.
INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format, blob, commit, committed_at)
VALUES (%(generation)s, %(source_id)s, %(path)s, %(revision)s, %(is_deleted)s, %(url)s, %(title)s, %(format)s,
        %(blob)s, %(commit)s, %(committed_at)s)
ON CONFLICT (generation, source_id, path) DO UPDATE
   SET revision = excluded.revision, is_deleted = excluded.is_deleted, url = excluded.url, title = excluded.title,
       format = excluded.format, blob = excluded.blob, commit = excluded.commit,
       committed_at = excluded.committed_at, indexed_at = now()
 WHERE page_state.revision = %(based_on)s AND page_state.revision < excluded.revision
RETURNING path;
