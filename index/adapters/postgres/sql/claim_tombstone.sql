-- Tombstone a page that another one takes the place of, locking its row until commit.
-- Returns: one row when claimed; none when the page is at or past that revision already.
INSERT INTO page_state (generation, source_id, path, revision, is_deleted, url, title, format, blob, commit, committed_at)
VALUES (%(generation)s, %(source_id)s, %(path)s, %(revision)s, true, '', '', '', '', '', NULL)
ON CONFLICT (generation, source_id, path) DO UPDATE
   SET revision = excluded.revision, is_deleted = true, url = '', title = '', format = '', blob = '', commit = '',
       committed_at = NULL, indexed_at = now()
 WHERE page_state.revision < excluded.revision
RETURNING path;
